"""Completion for bash(1): programmable completion, no helper of bash-completion is needed."""

from __future__ import annotations

from docs.shell import CONNECTIONS, DEVICES, MADE, takers
from reconciler.options import FORMATS, MODES, OPTIONS

# Words are taken from the line itself: bash's own break at the colons of addresses and URIs.
_SCRIPT = r"""{made}

_reconcile() {{
    local line=${{COMP_LINE:0:COMP_POINT}} offered prefix
    local current=${{line##* }} before=${{line% *}}
    local previous=${{before##* }}
    if [[ $current == --*=* ]]; then
        previous=${{current%%=*}} current=${{current#*=}}
    fi
    case $previous in
    {directories})
        offered=$(compgen -d -- "$current"); compopt -o filenames 2>/dev/null ;;
    {files})
        offered=$(compgen -f -- "$current"); compopt -o filenames 2>/dev/null ;;
    {formats})
        offered=$(compgen -W "{format_words}" -- "$current") ;;
    {connections})
        offered=$(compgen -W "{connection_words}" -- "$current") ;;
    {devices})
        offered=$(compgen -W "$(ls {device_folder} 2>/dev/null)" -- "$current") ;;
    *)
        if [[ $current == -* ]]; then
            local words="{options}"
            [[ " $before " =~ \ --({mode_names})\  ]] || words+=" {modes}"
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
    prefix=${{current%"${{current##*:}}"}}
    COMPREPLY=("${{COMPREPLY[@]#"$prefix"}}")
}}

complete -F _reconcile reconcile
"""


def script() -> str:
    """The file for share/bash-completion/completions."""
    return _SCRIPT.format(
        made=MADE,
        directories="|".join(takers("DIR")),
        files="|".join(takers("FILE")),
        formats="|".join(takers("FORMAT")),
        format_words=" ".join(FORMATS),
        connections="|".join(takers("URI")),
        connection_words=" ".join(CONNECTIONS),
        devices="|".join(takers("DEVICE")),
        device_folder=DEVICES,
        options=" ".join(flag for option in OPTIONS for flag in option.flags),
        mode_names="|".join(mode.name for mode in MODES),
        modes=" ".join(f"--{mode.name}" for mode in MODES),
    )
