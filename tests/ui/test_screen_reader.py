"""What somebody hears who does not see the pages (WCAG 2.1: 1.1.1, 1.3.1, 2.4.2, 2.4.6, 3.1.1)."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli import run
from tests.simulator.examples import NAMES

REPO = Path(__file__).parents[2]
VOID = {"meta", "br", "hr"}
LANDMARKS = ("header", "main", "footer")


class Heard(HTMLParser):
    """Elements with their attributes and what is heard of them: hidden parts are left out."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.path: list[tuple[str, bool]] = []
        self.elements: list[tuple[str, dict[str, str], str]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        parent = self.path[-1][0] if self.path else ""
        self.elements.append((tag, values, parent))
        hidden = values.get("aria-hidden") == "true" or any(quiet for _, quiet in self.path)
        if tag not in VOID:
            self.path.append((tag, hidden or tag == "style"))

    def handle_endtag(self, tag: str) -> None:
        self.path.pop()

    def handle_data(self, data: str) -> None:
        if not self.path or not self.path[-1][1]:
            self.words.append(data)

    def of(self, *tags: str) -> list[tuple[str, dict[str, str], str]]:
        return [element for element in self.elements if element[0] in tags]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def pages(name: str) -> list[str]:
    """Both pages of an example."""
    folder = REPO / "examples" / name
    state = ("--state", folder / "capture.json", "--format", "html")
    return [run("--inspect", *state).out, run("--plan", folder / "host.toml", *state).out]


@pytest.mark.parametrize("name", NAMES)
def test_the_structure_is_told(name: str) -> None:
    for page in pages(name):
        heard = Heard(page)
        assert heard.of("html")[0][1]["lang"] == "en"
        assert re.search(r"<title>[^<]+</title>", page)
        assert [tag for tag, _, _ in heard.of(*LANDMARKS)] == list(LANDMARKS)
        levels = [int(tag[1]) for tag, _, _ in heard.of("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert all(parent == "ul" for _, _, parent in heard.of("li"))
        assert {"col", "row"} >= {values.get("scope") for _, values, _ in heard.of("th")}
        assert len(heard.of("table")) == len(heard.of("thead"))


def test_nothing_is_told_by_colour_or_sign_alone() -> None:
    inspect, plan = (Heard(page) for page in pages("vm-host"))
    assert "pass: virtualization" in inspect.text
    assert "can be given away: no, the host needs it for /" in inspect.text
    assert "VM cad-1" in inspect.text
    assert "group 30 (shared)" in inspect.text
    assert "CPU 9: cad-1 (before: the host)" in plan.text
    assert "CPU 4: isolated, no VM pinned (before: the host)" in plan.text
    assert "16G in 16 huge pages of 1G (before: 0)" in plan.text
    assert "nouveau → vfio-pci · render" in plan.text
    assert "warning vm-running" in plan.text
    assert "+ iommu=pt" in plan.text
    # Numbers and letters in the boxes are told once, in words.
    assert not re.search(r"\b8 A\b", plan.text)


def test_each_node_says_whether_it_is_before_or_after() -> None:
    nodes = [values["aria-label"] for _, values, _ in Heard(pages("vm-host")[1]).of("article")]
    told = ["NUMA node 0, before", "NUMA node 0, after", "NUMA node 1, before"]
    assert nodes == [*told, "NUMA node 1, after"]


def test_lists_of_the_picture_have_names() -> None:
    labels = {values.get("aria-label", "") for _, values, _ in Heard(pages("vm-host")[0]).of("ul")}
    assert {"Legend: who has a CPU", "Memory", "Devices on this node"} <= labels
