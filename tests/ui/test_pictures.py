"""The pictures of the documentation: each is there, small, and described."""

from __future__ import annotations

import re

from docs.screenshots import IMAGES, REPO, pictures
from tests.ui.test_html import Seen, quiet


def test_every_picture_is_there_and_described() -> None:
    readme = (IMAGES / "README.md").read_text()
    names = {f"{picture.name}.png" for picture in pictures()}
    assert names == {path.name for path in IMAGES.glob("*.png")}
    assert all(name in readme for name in names)


def test_pictures_are_small_files() -> None:
    for path in IMAGES.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < 400_000, path


def test_pages_of_pictures_fetch_nothing() -> None:
    for picture in pictures():
        if picture.name.endswith("html"):
            quiet(Seen(picture.html))


def test_the_readme_shows_one() -> None:
    shown = re.findall(
        r"!\[([^]]+)\]\((docs/images/[\w-]+\.png)\)", (REPO / "README.md").read_text()
    )
    assert shown
    assert all((REPO / path).is_file() and len(words) > 20 for words, path in shown)
