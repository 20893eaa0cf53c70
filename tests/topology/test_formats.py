"""CPU masks and systemd's configuration syntax."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats.cpumask import parse_mask, print_mask
from backends.formats.systemd_conf import assignments, environment, merged_list


@given(st.sets(st.integers(0, 4200)))
def test_a_mask_comes_back(bits: set[int]) -> None:
    assert parse_mask(print_mask(bits)) == bits


@pytest.mark.parametrize(
    ("text", "bits"),
    [("3\n", {0, 1}), ("00000001,00000000\n\0", {32}), ("ff", set(range(8))), ("8000,0", {47})],
)
def test_masks_as_kernels_print_them(text: str, bits: set[int]) -> None:
    assert parse_mask(text) == bits


@pytest.mark.parametrize("text", ["", "1,,2", "g", "123456789", "0x3", "-1"])
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a CPU mask"):
        parse_mask(text)


def test_continuation_comments_and_sections() -> None:
    text = "[Unit]\nA=1\n# B=2\n; C=3\n\n[Slice]\nAllowedCPUs=0-1 \\\n  # inside\n  4\nno equals\n"
    assert list(assignments(text)) == [("Unit", "A", "1"), ("Slice", "AllowedCPUs", "0-1  4")]


def test_lists_add_up_and_an_empty_one_starts_again() -> None:
    texts = ["[Slice]\nAllowedCPUs=0-3\n", "[Slice]\nAllowedCPUs=\nAllowedCPUs=1, 2\n"]
    assert merged_list(texts, "Slice", "AllowedCPUs") == ["1", "2"]
    assert merged_list([*texts, "[Slice]\nAllowedCPUs=7\n"], "Slice", "AllowedCPUs") == [
        "1",
        "2",
        "7",
    ]
    assert merged_list(["[Scope]\nAllowedCPUs=1\n"], "Slice", "AllowedCPUs") == []


def test_environment_files_with_and_without_quotes() -> None:
    text = 'A="x y"\nB=\'2\'\nC=plain\n#D=1\nE=\nF="\n'
    assert environment(text) == {"A": "x y", "B": "2", "C": "plain", "E": "", "F": '"'}


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    for _, key, value in assignments(text):
        assert key == key.strip()
        assert "\n" not in value
    environment(text)
