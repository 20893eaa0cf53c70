"""``make bench``: what a plan costs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import count, ratio
from tests.simulator.hosts import many_functions
from tests.simulator.tree import TreeBuilder

IN_SYNC = "[boot]\nkernel_args = ['iommu=pt']\n"
_MAIN = "from reconciler.cli import console; console()"


def main() -> int:
    """Print one table for hosts of 64 and 4,096 functions."""
    heads = f"{'plan':>15} {'programs':>8} {'opened':>7} {'each':>5} {'bytes':>6}  ratio"
    print(f"{'functions':>9} {heads}")
    for number in (64, 4096):
        nics = f"[[device]]\nname = 'nic'\nid = '8086:10fb'\ncount = {number - 1}\n"
        for name, text in (("in sync", IN_SYNC), ("all to vfio-pci", nics)):
            with tempfile.TemporaryDirectory() as folder:
                _one(Path(folder), number, name, text)
    print("floor: python -c 'import pydantic, tomli'; each: most often that one file was opened")
    return 0


def _one(folder: Path, number: int, name: str, text: str) -> None:
    tree = TreeBuilder(folder / "root")
    many_functions(tree, number)
    tree.finish()
    spec = folder / "host.toml"
    spec.write_text(f"version = 1\n{text}")
    capture = folder / "capture.json"
    plan = [sys.executable, "-c", _MAIN, "--plan", str(spec)]
    subprocess.run(
        [*plan[:3], "--capture", str(capture), "--root", str(folder / "root"), "-q"], check=True
    )
    live = count([*plan, "--root", str(folder / "root")], str(folder / "root"))
    floor = [sys.executable, "-c", "import pydantic, tomli"]
    ours, theirs, times = ratio([*plan, "--state", str(capture)], floor, 15 if number < 100 else 5)
    print(
        f"{number:>9} {name:>15} {live.programs:>8} {live.opened:>7} {live.most_opened:>5} "
        f"{live.bytes_written:>6}  {times:.2f} ({ours * 1000:.0f} ms to {theirs * 1000:.0f} ms)"
    )


if __name__ == "__main__":
    sys.exit(main())
