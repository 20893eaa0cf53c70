# Completion of reconcile(8). Made by: python -m docs.shell

_reconcile() {
    local line=${COMP_LINE:0:COMP_POINT} offered prefix
    local current=${line##* } before=${line% *}
    local previous=${before##* }
    if [[ $current == --*=* ]]; then
        previous=${current%%=*} current=${current#*=}
    fi
    case $previous in
    --root)
        offered=$(compgen -d -- "$current"); compopt -o filenames 2>/dev/null ;;
    --capture|--state|--out)
        offered=$(compgen -f -- "$current"); compopt -o filenames 2>/dev/null ;;
    --format)
        offered=$(compgen -W "text json markdown html" -- "$current") ;;
    --connect)
        offered=$(compgen -W "qemu:///system qemu:///session none" -- "$current") ;;
    --for)
        offered=$(compgen -W "$(ls /sys/bus/pci/devices 2>/dev/null)" -- "$current") ;;
    *)
        if [[ $current == -* ]]; then
            local words="--root --state --for --format --connect --out --strict --detailed-exitcode --again --checked --resume --yes --no-color -v --verbose -q --quiet -h --help --version"
            [[ " $before " =~ \ --(plan|apply|inspect|validate|init|capture|rollback|history|confirm|schema)\  ]] || words+=" --plan --apply --inspect --validate --init --capture --rollback --history --confirm --schema"
            offered=$(compgen -W "$words" -- "$current")
        else
            offered=$(compgen -f -X '!*.toml' -- "$current"
                compgen -f -X '!*.json' -- "$current"
                compgen -d -- "$current")
            compopt -o filenames 2>/dev/null
        fi ;;
    esac
    mapfile -t COMPREPLY < <(printf '%s' "$offered")
    # What stands before the last colon is on the line already.
    prefix=${current%"${current##*:}"}
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
}

complete -F _reconcile reconcile
