"""Makes the pictures in docs/images from the examples' captures: ``python -m docs.screenshots``.

Needs Chromium. Terminal output is drawn by rich as a page first, so that both kinds of pictures
come out of one program. Nothing is fetched: pages and fonts are this machine's own.
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler import capture
from reconciler.inspection import inspect
from reconciler.inspection.after import after
from reconciler.model import Plan
from reconciler.observe import HostState
from reconciler.render.html.inspect_page import page as inspect_page
from reconciler.render.html.plan_page import page as plan_page
from reconciler.render.inspect_text import text as inspect_text
from reconciler.render.plan_text import text as plan_text
from reconciler.render.style import Style
from reconciler.session import Session
from reconciler.source import Source
from specs.record import replace
from specs.spec import HostSpec

REPO = Path(__file__).parents[1]
IMAGES = REPO / "docs/images"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Picture:
    """A page, and how much of it is shown (pixels)."""

    name: str
    html: str
    width: int
    height: int


REFUSED = """version = 1

[[device]]
name    = "data"
address = "0000:04:00.0"

[[device]]
name    = "gpu"
address = "0000:af:00.0"
id      = "10de:2489"

[cpu]
isolated = "0-63"
"""


def pictures() -> Iterator[Picture]:
    """Every picture of the documentation."""
    folder = REPO / "examples/vm-host"
    state, plan, spec = _planned("vm-host", (folder / "host.toml").read_text())
    found = inspect(state)
    yield _terminal("inspect-text", inspect_text(found, colour=True))
    yield _terminal("plan-text", plan_text(plan, Style(True)))
    _, refused, _ = _planned("sriov-server", REFUSED)
    yield _terminal("refused-text", plan_text(refused, Style(True)))
    yield Picture("inspect-html", inspect_page(found), 1100, 1900)
    yield Picture("plan-html", plan_page(plan, found, after(found, plan, spec)), 1100, 1470)


def _planned(name: str, spec: str) -> tuple[HostState, Plan, HostSpec]:
    """An example host, and the plan for a spec."""
    found = capture.load(str(REPO / "examples" / name / "capture.json"))
    source = Source(found.reader, None, found.libvirt_uri)
    state = source.look()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "host.toml")
        path.write_text(spec)
        session = Session.open(str(path), source)
        plan = session.plan(state=state)
    # The pictures do not say where this was.
    return state, replace(plan, spec_path="/etc/reconcile/host.toml"), session.spec


def _terminal(name: str, text: str) -> Picture:
    """Coloured text as a page that looks like a terminal."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(file=io.StringIO(), width=82, record=True, force_terminal=True)
    console.print(Text.from_ansi(text), soft_wrap=True)
    template = (
        "<!DOCTYPE html><meta charset=utf-8><style>{stylesheet}body{{margin:18px;"
        "background:{background};color:{foreground}}}pre{{font:15px/1.3 'DejaVu Sans Mono',"
        "monospace}}</style><pre>{code}</pre>"
    )
    page = console.export_html(theme=MONOKAI, code_format=template)
    return Picture(name, page, 800, 52 + math.ceil(19.5 * text.count("\n")))


def shoot(browser: str, picture: Picture, into: Path) -> None:
    """Have the browser draw a page. Raises CalledProcessError, TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(picture.html)
        argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        argv += ["--disable-background-networking", "--hide-scrollbars"]
        argv.append(f"--user-data-dir={folder}/profile")
        argv += [f"--window-size={picture.width},{picture.height}"]
        argv += [f"--screenshot={into / picture.name}.png", source.as_uri()]
        subprocess.run(argv, check=True, timeout=120, capture_output=True)


def main() -> int:
    """Write every picture."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write("no Chromium: install the package chromium\n")
        return 1
    for picture in pictures():
        shoot(browser, picture, IMAGES)
        print(IMAGES / f"{picture.name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
