"""The pages as a real browser shows and prints them. That they hold no script: test_html.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from docs.screenshots import Picture, pictures

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = [picture for picture in pictures() if picture.name.endswith("html")]


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser; in CI it must be there."""
    found = shutil.which("chromium")
    if found is None and not os.environ.get("CI"):
        pytest.skip("no chromium here (in CI this is a failure)")
    assert found, "install the Debian package chromium"
    return found


def show(chromium: str, picture: Picture, folder: Path, option: str) -> None:
    """Have the page shown, without a network."""
    page = folder / "page.html"
    page.write_text(picture.html)
    argv = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    argv += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    argv += ["--disable-quic", "--proxy-server=127.0.0.1:9", "--hide-scrollbars"]
    argv += [f"--user-data-dir={folder}/profile"]
    argv += [f"--window-size={picture.width},{picture.height}", option, page.as_uri()]
    subprocess.run(argv, check=True, timeout=300, capture_output=True)


@pytest.mark.parametrize("picture", PAGES, ids=lambda picture: picture.name)
def test_it_is_drawn(chromium: str, picture: Picture, tmp_path: Path) -> None:
    file = tmp_path / "shot.png"
    show(chromium, picture, tmp_path, f"--screenshot={file}")
    with Image.open(file) as image:
        assert image.size == (picture.width, picture.height)
        shades = image.convert("RGB").getcolors(1 << 24)
    assert shades is not None
    shades.sort(reverse=True)
    # A page without its style sheet is black on white; a broken one is one colour.
    assert len(shades) > 50
    assert shades[0][0] < 0.95 * picture.width * picture.height


@pytest.mark.parametrize("picture", PAGES, ids=lambda picture: picture.name)
def test_it_prints_with_all_its_text(chromium: str, picture: Picture, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    show(chromium, picture, tmp_path, f"--print-to-pdf={file}")
    text = subprocess.run(
        ["pdftotext", file, "-"], check=True, capture_output=True, text=True
    ).stdout
    for word in ("IOMMU", "NUMA", "CPU"):
        assert word in text, word
    assert len(set(re.findall(r"\b[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]\b", text))) > 3  # functions


def test_a_blank_page_is_noticed(chromium: str, tmp_path: Path) -> None:
    """A test of the tests above."""
    blank = Picture("blank", "<!DOCTYPE html><title>x</title>", 400, 300)
    with pytest.raises(AssertionError):
        test_it_is_drawn(chromium, blank, tmp_path)
