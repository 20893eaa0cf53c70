"""Makes the pictures in docs/images from the examples' captures: ``python -m docs.screenshots``.

Needs Chromium. Terminal output is drawn by rich as a page first, so that both kinds of pictures
come out of one program. Nothing is fetched: pages and fonts are this machine's own.
"""

from __future__ import annotations

import io
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
from reconciler.observe import HostState, observe
from reconciler.render.html.inspect_page import page as inspect_page
from reconciler.render.html.plan_page import page as plan_page
from reconciler.render.inspect_text import text as inspect_text
from reconciler.render.plan_text import text as plan_text
from reconciler.render.style import Style
from reconciler.resources import own_paths
from reconciler.session import Session
from reconciler.source import Source
from reconciler.starter.give import give
from specs.record import replace

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


def pictures() -> Iterator[Picture]:
    """Every picture of the documentation."""
    studio, _, _ = _example("amd-workstation")
    shown = inspect_text(inspect(studio), colour=True)
    yield Picture("inspect-text", _terminal(shown), 800, 1450)
    yield Picture("inspect-html", inspect_page(inspect(studio)), 1100, 1180)
    _, plan, _ = _example("amd-workstation")
    yield Picture("plan-text", _terminal(plan_text(plan, Style(True))), 800, 940)
    server, plan, session = _example("sriov-server", device="0000:3b:00.0")
    found = inspect(server)
    yield Picture("plan-html", plan_page(plan, found, after(found, plan, session.spec)), 1100, 1100)


def _example(name: str, device: str = "") -> tuple[HostState, Plan, Session]:
    """An example host with its own spec, or with the one that gives a device to a VM."""
    folder = REPO / "examples" / name
    reader, uri = capture.load(str(folder / "capture.json"))
    state = observe(reader, own_paths(), libvirt_uri=uri)
    with tempfile.TemporaryDirectory() as place:
        spec = folder / "host.toml"
        if device:
            spec = Path(place, "host.toml")
            spec.write_text(give(state, device, "host.schema.json"))
        session = Session.open(str(spec), Source(reader, None, uri))
        plan = session.plan(state=state)

    # The pictures do not say where this checkout lies.
    return state, replace(plan, spec_path="/etc/reconcile/host.toml"), session


def _terminal(text: str) -> str:
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
    return console.export_html(theme=MONOKAI, code_format=template)


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
