"""TuneD's files: what ours makes of them is what TuneD's own reader makes of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats.tuned_conf import defined, merged, parse_profile, parse_variables
from tests.formats.samples import read, realworld_files

PYTHON = "/usr/bin/python3"  # the one that Debian's package is for
PROFILES = sorted(Path("/usr/lib/tuned").glob("*/tuned.conf"))
# Its functions run programs: they are left as they stand.
THEIRS = r"""
import json, logging, sys
from tuned.profiles.factory import Factory
from tuned.profiles.loader import Loader
from tuned.profiles.merger import Merger
from tuned.profiles.variables import Variables
from tuned.profiles.exceptions import InvalidProfileException
from configparser import Error

logging.disable(logging.CRITICAL)

def variables(path):
    found = Variables()
    found._functions.expand = lambda text: text
    found.add_from_file(path)
    return {k[len("TUNED_"):]: v for k, v in found.get_env().items()}

def profiles(*paths):
    loader = Loader(None, Factory(), Merger(), None, Variables())
    whole = Merger().merge([Factory().create("x", loader._load_config_data(p)) for p in paths])
    units = {n: u for n, u in whole.units.items() if u.enabled}
    for unit in units.values():
        unit.options.pop("script", None)
    return {name: [unit.type, unit.options] for name, unit in units.items()}

def attempt(job, paths):
    try:
        return job(*paths)
    except (InvalidProfileException, Error, AttributeError):
        return None

name, calls = json.load(sys.stdin)
print(json.dumps([attempt({"variables": variables, "profiles": profiles}[name], c) for c in calls]))
"""


def theirs(job: str, calls: Sequence[Sequence[Path]]) -> list[Any]:
    """What TuneD reads from the files of each call; None where it refuses them."""
    given = json.dumps([job, [[str(path) for path in call] for call in calls]])
    argv = [PYTHON, "-c", THEIRS]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    if "No module named 'tuned'" in done.stderr and not os.environ.get("CI"):
        pytest.skip("TuneD is not installed")
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def ours(*paths: Path) -> Mapping[str, list[Any]]:
    """The same shape of what we read: type and options by section."""
    whole = merged(parse_profile(read(path)) for path in paths)
    unit = ("type", "enabled", "replace", "drop", "devices", "uname_regex", "cpuinfo_regex")
    left = (*unit, "script")  # of a script TuneD makes a path
    return {
        name: [options.get("type", name), {k: v for k, v in options.items() if k not in left}]
        for name, options in whole.items()
        if name != "main"
    }


def test_variables() -> None:
    text = "# a=1\na = 2-3 # mine\nb=${a},5\nc\nd=${f:calc_isolated_cores:1}\ne=\\${a}\n[x]\nf=1\n"
    found = {"a": "2-3", "b": "${a},5", "d": "${f:calc_isolated_cores:1}", "e": "\\${a}", "f": "1"}
    assert dict(parse_variables(text)) == found
    assert parse_variables("a\n b\n") == ()
    again = {"/etc/tuned/v": "a=1\n[s]\nb=${a}\na=2\n"}
    assert defined({"include": "/etc/tuned/v"}, again) == {"a": "2", "b": "1"}
    own = {"before": "${a}", "include": "/etc/tuned/v", "after": "${a}", "a": "7"}
    known = {"before": "${a}", "a": "7", "b": "2-3,5", "e": "\\${a}", "f": "1", "after": "2-3"}
    assert defined(own, {"/etc/tuned/v": text}) == known
    assert defined(own, {}) == {"before": "${a}", "after": "${a}", "a": "7"}


def test_later_profiles_win() -> None:
    base = "[irq]\naffinity=1\nother=1\n[a]\ntype=sysctl\nx=1\n[b]\nx=1\n[c]\nx=1\n"
    mine = "[irq]\ndrop=affinity\n[a]\nreplace=1\ny=1\n[b]\nenabled=false\n[c]\nx=2\n"
    assert merged([parse_profile(base), parse_profile(mine)]) == {
        "irq": {"other": "1", "drop": "affinity"},
        "a": {"replace": "1", "y": "1"},
        "c": {"x": "2"},
    }
    assert parse_profile("no section\n[a]\nx=1\n") == {}


@given(st.text())
def test_arbitrary_text_is_read(text: str) -> None:
    merged([parse_profile(text)])
    defined(dict(parse_variables(text)), {})


_PLAIN = ["a=1", "a = 2 # x", "b=#3", "b=x#3", " c=4", "# d=5", "e", "=7", "[s]", "", "f:8", "\ta"]
_ODD = ["g=${a} ${b}", "h=\\${a}", "; i=9", "[s", "J=%(a)s", "a=\\", '"k"=1', "a b=1"]
_LINES = st.sampled_from([*_PLAIN, *_ODD])
_TEXTS = st.lists(_LINES, max_size=8).map("\n".join)


@settings(max_examples=5, deadline=None)
@given(st.lists(_TEXTS, min_size=20, max_size=20))
def test_variables_are_those_of_tuned(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("tuned")
    paths = [folder / f"{number}.conf" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    for text, found in zip(texts, theirs("variables", [[p] for p in paths]), strict=True):
        mine = defined({"include": "x"}, {"x": text})
        assert {k: v.replace("\\$", "$") for k, v in mine.items()} == (found or {})


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("modules/tuned-variables"))
def test_real_variables(path: Path) -> None:
    assert dict(parse_variables(read(path))) == theirs("variables", [[path]])[0] != {}


def test_profiles_of_the_package() -> None:
    """Each on its own, and over one that partitions CPUs."""
    assert PROFILES or not os.environ.get("CI"), "TuneD is not installed"
    base = Path("/usr/lib/tuned/cpu-partitioning/tuned.conf")
    chains = [chain for path in PROFILES for chain in ([path], [base, path])]
    for chain, found in zip(chains, theirs("profiles", chains), strict=True):
        mine = json.dumps(ours(*chain)).replace("${i:PROFILE_DIR}", str(chain[-1].parent))
        assert json.loads(mine) == found, chain
