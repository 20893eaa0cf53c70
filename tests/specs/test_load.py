"""Loading: files, folders, extends, and everything that is no spec at all."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.errors import SpecError, UsageError
from specs.load import LoadedSpec, load, load_many
from specs.places import locate
from specs.select import select
from specs.source import LARGEST


def write(path: Path, text: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def messages(path: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.exit_code == 65
    return [
        f"{each.line}:{each.column} {each.path} {each.message}" for each in caught.value.problems
    ]


def test_one_file(tmp_path: Path) -> None:
    text = 'version = 1\n[[device]]\nname = "gpu"\naddress = "01:00.0"\n'
    path = write(tmp_path / "host.toml", text)
    loaded = load(path)
    assert loaded.spec.device[0].name == "gpu"
    assert loaded.files == (path,)
    assert loaded.base_dir == str(tmp_path)
    assert loaded.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert loaded.locate("device[0].address") == (path, 4, 1)
    assert loaded.locate("device[0]") == (path, 2, 1)
    assert loaded.locate("device[0].driver") == (path, 2, 1)
    assert loaded.locate("") == (path, 1, 1)


def fleet(root: Path) -> LoadedSpec:
    """A host that extends two roles, which share a base."""
    write(
        root / "roles/base.toml",
        'extends = []\n[boot]\nkernel_args = ["a", "b"]\niommu = "translated"\n[cpu]\n'
        'isolated = "2-3"\n[limits]\nmemlock = "1G"\n',
    )
    write(
        root / "roles/gpu.toml",
        'extends = ["base.toml"]\n[[device]]\nname = "gpu"\nid = "10de:2489"\nbind = "vm"\n'
        '[boot]\nkernel_args = ["c"]\n[[vm]]\nname = "win11"\ndefinition = "win11.xml"\n',
    )
    write(
        root / "roles/net.toml",
        'extends = ["base.toml"]\n[[device]]\nname = "nic"\nid = "8086:1572"\n'
        '[boot]\niommu = "passthrough"\n',
    )
    return load(
        write(
            root / "hosts/kvm.toml",
            'version = 1\nextends = ["../roles/gpu.toml", "../roles/net.toml"]\n'
            '[host]\nhostname = "kvm-01"\n[cpu]\nisolated = "4-5"\n'
            '[[device]]\nname = "gpu"\naddress = "01:00.0"\nbind = "boot"\n'
            '[[vm]]\nname = "win11"\ndevices = ["gpu"]\n',
        )
    )


def test_extends_merges_in_order(tmp_path: Path) -> None:
    loaded = fleet(tmp_path)
    spec = loaded.spec
    assert [os.path.basename(file) for file in loaded.files] == [
        "base.toml",
        "gpu.toml",
        "net.toml",
        "kvm.toml",
    ]
    assert [str(arg) for arg in spec.boot.kernel_args] == ["c"]
    assert spec.boot.iommu == "passthrough"
    assert str(spec.cpu.isolated) == "4-5"
    assert str(spec.limits.memlock) == "1G"
    gpu, nic = spec.device
    assert (gpu.name, str(gpu.id), str(gpu.address), gpu.bind) == (
        "gpu",
        "10de:2489",
        "0000:01:00.0",
        "boot",
    )
    assert nic.name == "nic"
    assert spec.extends == ("../roles/gpu.toml", "../roles/net.toml")


def test_merged_parts_keep_their_places(tmp_path: Path) -> None:
    loaded = fleet(tmp_path)
    host, gpu = str(tmp_path / "hosts/kvm.toml"), str(tmp_path / "roles/gpu.toml")
    assert loaded.locate("device[0].bind") == (host, 10, 1)
    assert loaded.locate("device[0].id") == (gpu, 4, 1)
    assert loaded.locate("vm[0].devices[0]") == (host, 13, 12)
    assert loaded.locate("boot.kernel_args[0]")[0] == gpu
    assert loaded.resolve("vm[0].definition", "win11.xml") == str(tmp_path / "roles/win11.xml")
    assert loaded.resolve("vm[0].definition", "/srv/a.xml") == "/srv/a.xml"


def test_digest_is_that_of_all_files(tmp_path: Path) -> None:
    before = fleet(tmp_path / "a").digest
    assert fleet(tmp_path / "b").digest == before
    role = tmp_path / "a/roles/base.toml"
    write(role, role.read_text() + "# changed\n")
    assert load(str(tmp_path / "a/hosts/kvm.toml")).digest != before


def test_extends_is_relative_to_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet(tmp_path)
    monkeypatch.chdir(tmp_path / "hosts")
    assert load("kvm.toml").files[0] == "../roles/base.toml"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a": "extends = ['a.toml']"}, "a cycle"),
        ({"a": "extends = ['b.toml']", "b": "extends = ['./a.toml']"}, "a cycle"),
        ({"a": "extends = ['gone.toml']"}, "No such file"),
        ({"a": "extends = ['.']"}, "it is a folder"),
        ({"a": "extends = ['/dev/zero']"}, "it is a character device"),
        ({"a": "extends = 'b.toml'"}, "expected an array of paths"),
        ({"a": "extends = ['']"}, "found an empty string"),
        ({"a": 'extends = ["a\\u0000"]'}, "NUL"),
        (
            {chr(97 + i): f"extends = ['{chr(98 + i)}.toml']" for i in range(25)},
            "more than 16 files",
        ),
        (
            {"a": f"extends = {[f'b{i}.toml' for i in range(80)]}"}
            | {f"b{i}": "" for i in range(80)},
            "more than 64 files",
        ),
    ],
)
def test_extends_mistakes(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    for name, text in files.items():
        write(tmp_path / f"{name}.toml", f"version = 1\n{text}\n")
    found = messages(str(tmp_path / "a.toml"))
    assert expected in found[0]
    assert found[0].startswith("2:")


def test_a_broken_role_hides_nothing_and_invents_nothing(tmp_path: Path) -> None:
    write(tmp_path / "role.toml", "[[device]\n")
    path = write(
        tmp_path / "a.toml",
        "version = 1\nextends = ['role.toml']\n[boot]\nloadr = 'auto'\n"
        "[[device]]\nname = 'gpu'\n[[vm]]\nname = 'win'\ndevices = ['nic']\n",
    )
    found = messages(path)
    assert len(found) == 2
    assert "loadr" in found[0]
    assert "not TOML" in found[1]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"version = 1\n# caf\xe9\n", "2:6  found the byte 0xe9"),
        ("version = 1\n".encode("utf-16"), "1:1  found the byte 0xff"),
        (b"version = 1\nboot.loader = 'a\0'\n", "2:17  not TOML: Found invalid character"),
        (b"version = 1\n#" + b"x" * LARGEST, "1:1  the file has 4,194,317 bytes"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "1:21  nested deeper than 16 levels"),
        (b"a = " + b"[" * 100_000, "nested deeper than 16 levels"),
        (b"a = " + b"{a=" * 5000 + b"1" + b"}" * 5000, "nested deeper than 16 levels"),
        (b"\n" + b".".join([b"a"] * 5000) + b" = 1", "2:1  nested deeper than 16 levels"),
        (b"[" + b".".join([b'"a"'] * 5000) + b"]", "1:2  nested deeper than 16 levels"),
        (b"version = 1\nboot.kernel_args = " + b"[" * 20 + b"]" * 20, "nested deeper"),
        (b"version = 1\ncpu.isolated = " + b"9" * 5000, "2:16  a number of more than 4,300 digits"),
        (b"version = 1\rboot = 1", "1:12  not TOML"),
        (b"", 'version "version" is missing'),
    ],
    ids=lambda value: None if isinstance(value, str) else "content",
)
def test_content_that_is_no_spec(tmp_path: Path, raw: bytes, expected: str) -> None:
    start = time.perf_counter()
    assert expected in messages(write(tmp_path / "a.toml", raw))[0]
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "text",
    [
        "\n".join("[" + ".".join(["a"] * 999) + f".b{i}]" for i in range(500)),
        "version = 1\n" + "\n".join(f"k{i} = 1" for i in range(30_000)),
        "version = 1\n" + "[[device]]\nname = 'a'\naddress = '1:1.0'\n" * 5_000,
        f"version = 1\n{'x' * 1_000_000} = 1",
        f"version = 1\ncpu.isolated = '{'0-65535:1/2,' * 300_000}'",
        "version = 1\nboot.kernel_args = "
        + str([f"a{i}" for i in range(20_000)])
        + "\nboot.absent_kernel_args = "
        + str([f"a{i}" for i in range(20_000)]),
    ],
    ids=["deep tables", "unknown keys", "twins", "a long key", "a long CPU list", "many arguments"],
)
def test_large_wrong_specs_are_quick(tmp_path: Path, text: str) -> None:
    start = time.perf_counter()
    found = messages(write(tmp_path / "a.toml", text))
    assert time.perf_counter() - start < 20
    assert len(found) <= 2001
    assert max(map(len, found)) < 600


def test_long_lists_of_addresses_are_no_long_keys(tmp_path: Path) -> None:
    siblings = [f"0000:01:{i:02x}.0" for i in range(1, 32)]
    path = write(
        tmp_path / "a.toml",
        f"version = 1\n[[device]]\nname = 'a'\naddress = '01:00.0'\naccept_siblings = {siblings}\n"
        f"# {'.' * 30}\n",
    )
    assert len(load(path).spec.device[0].accept_siblings) == 31


def test_many_problems_are_counted(tmp_path: Path) -> None:
    found = messages(
        write(tmp_path / "a.toml", "version = 1\n" + "".join(f"k{i} = 1\n" for i in range(1500)))
    )
    assert len(found) == 1001
    assert found[0].endswith("1,500 problems, of which 1,000 are shown")


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", b"\xef\xbb\xbfversion = 1\r\n[boot]\r\nloader = 'x'\r\n")
    assert messages(path)[0].startswith("3:10 boot.loader")


@pytest.mark.parametrize("kind", ["folder", "fifo", "missing", "device", "loop", "nul", "file/x"])
def test_paths_that_are_no_files(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / kind)
    if kind == "folder":
        os.mkdir(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = "/dev/zero"
    elif kind == "loop":
        os.symlink(path, path)
    elif kind == "nul":
        path = "a\0b"
    elif kind == "file/x":
        write(tmp_path / "file", "")
    with pytest.raises(UsageError, match="cannot read the spec") as caught:
        load(path)
    assert caught.value.exit_code == 64
    assert caught.value.where == path


def test_known_loaders_come_from_the_caller(tmp_path: Path) -> None:
    path = write(tmp_path / "a.toml", "version = 1\nboot.loader = 'limine'\n")
    assert "limine" in messages(path)[0]
    assert load(path, loaders=("auto", "limine")).spec.boot.loader == "limine"


def test_validate_many(tmp_path: Path) -> None:
    fleet(tmp_path)
    loaded = load_many([str(tmp_path / "hosts"), str(tmp_path / "hosts/kvm.toml")])
    assert len(loaded) == 1
    write(tmp_path / "hosts/role.toml", "[boot]\nloader = 'x'\n")
    write(tmp_path / "hosts/b.toml", "version = 1\nextends = ['role.toml']\n")
    write(tmp_path / "hosts/c.toml", "version = 1\nextends = ['role.toml']\nhst = 1\n")
    write(tmp_path / "hosts/d.toml", "[")
    with pytest.raises(SpecError) as caught:
        load_many([str(tmp_path / "hosts")])
    assert [os.path.basename(each.file) for each in caught.value.problems] == [
        "c.toml",
        "d.toml",
        "role.toml",
    ]
    with pytest.raises(UsageError):
        load_many([str(tmp_path / "gone.toml")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match="1 problem"):
        load_many([str(tmp_path / "empty")])


def test_what_cannot_be_read_hides_no_mistake(tmp_path: Path) -> None:
    wrong = write(tmp_path / "wrong.toml", "version = 1\nhst = 1\n")
    (tmp_path / "empty").mkdir()
    gone = str(tmp_path / "gone.toml")
    with pytest.raises(SpecError) as caught:
        load_many([gone, str(tmp_path / "empty"), wrong])
    assert [(os.path.basename(p.file), p.message) for p in caught.value.problems] == [
        ("empty", "no spec (*.toml) in this folder"),
        ("gone.toml", "cannot read the spec: No such file or directory"),
        ("wrong.toml", 'unknown key "hst"'),
    ]


def test_folder_of_a_fleet(tmp_path: Path) -> None:
    for name in ("kvm-01", "kvm-02"):
        write(tmp_path / f"{name}.toml", f"version = 1\nhost.hostname = '{name}'\n")
    write(tmp_path / "role.toml", "[boot]\nloader = 'auto'\n")
    write(tmp_path / "broken.toml", "[")
    write(tmp_path / ".hidden.toml", "host.hostname = 'kvm-01'")
    assert select(str(tmp_path), hostname="kvm-02.example.org", machine_id=None).path.endswith(
        "kvm-02.toml"
    )
    with pytest.raises(SpecError) as caught:
        select(str(tmp_path), hostname="kvm-03", machine_id=None)
    assert caught.value.exit_code == 65
    assert [os.path.basename(each.file) for each in caught.value.problems] == [
        tmp_path.name,
        "broken.toml",
    ]
    assert caught.value.problems[0].message == (
        "no spec here is for kvm-03: kvm-01.toml is for kvm-01, kvm-02.toml is for kvm-02, "
        "role.toml is for no machine"
    )
    write(tmp_path / "twin.toml", "version = 1\nextends = ['kvm-01.toml']\n")
    with pytest.raises(SpecError) as caught:
        select(str(tmp_path), hostname="kvm-01", machine_id="0" * 32)
    assert [os.path.basename(each.file) for each in caught.value.problems] == [
        "kvm-01.toml",
        "twin.toml",
    ]


def test_chosen_spec_of_a_folder_is_checked_in_full(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", "version = 1\nhost.hostname = 'a'\nbot = 1\n")
    with pytest.raises(SpecError) as caught:
        select(str(tmp_path), hostname="a", machine_id=None)
    assert caught.value.problems[0].hint == 'did you mean "boot"?'


@given(st.binary(max_size=200))
def test_any_bytes_are_a_spec_or_a_spec_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "any.toml", raw)
    with pytest.raises(SpecError):
        load(path)


WORDS = st.sampled_from(
    ["version", "boot", "device", "vm", "name", "x", "1", "'a'", "true", "[", "]", "[[", "]]", "=",
     ".", ",", "{", "}", "\n", "\n", " ", "#", '"', "address", "loader", "é"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=40).map("".join))
def test_any_tokens_are_a_spec_or_a_placed_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "tokens.toml", "version = 1\n" + text)
    try:
        load(path)
    except SpecError as error:
        lines = ("version = 1\n" + text).split("\n")
        for problem in error.problems:
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 2


def test_places_in_every_notation() -> None:
    text = (
        'a.b."c d" = [1, # c\n {x = 1, y.z = "é"}, [2]]\n[t]\nü = 1\n"é" = 2\n[[d]]\nname = 1\n'
        "  [d.rom]\n  file = 3\n[[d]]\n'k' = 1\n[[d.e]]\nf = 1\n[[d.e]]\nf = 2\n"
    ).replace("ü", "u")
    for loc, line, column in [
        (("a", "b", "c d"), 1, 1),
        (("a", "b", "c d", 1, "y", "z"), 2, 10),
        (("a", "b", "c d", 2, 0), 2, 23),
        (("t", "é"), 5, 1),
        (("d", 0, "rom", "file"), 9, 3),
        (("d", 1, "k"), 11, 1),
        (("d", 1, "e", 1, "f"), 15, 1),
        (("d", 1, "nothing", "at all"), 10, 1),
        (("nothing",), 1, 1),
    ]:
        assert locate(text.encode(), loc, at_key=True) == (line, column), loc
    assert locate(text.encode(), ("a", "b", "c d", 1, "y", "z"), at_key=False) == (2, 16)
