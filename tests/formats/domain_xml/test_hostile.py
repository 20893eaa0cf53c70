"""Input that nobody should trust: refused clearly, or carried through without being acted upon."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import domain_xml
from backends.formats.domain_xml import DomainXmlError, Hostdev, Shmem, Wanted

BOMB = (
    "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
    "<domain><name>&b;</name></domain>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not well-formed"),
        ("<domain>", "not well-formed"),
        ("<domain>\udc80</domain>", "not well-formed"),
        ("<network/>", "expected <domain>"),
        (BOMB, "DOCTYPE"),
        ("<!DOCTYPE domain SYSTEM 'http://127.0.0.1:9/x.dtd'><domain/>", "DOCTYPE"),
        ("<domain>" + "<a>" * 5000 + "</a>" * 5000 + "</domain>", "not well-formed"),
        ("<domain><name>" + "x" * (11 << 20) + "</name></domain>", "larger than"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(DomainXmlError, match=reason):
        domain_xml.parse(text)


def test_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top")
    text = f"<!DOCTYPE d [<!ENTITY x SYSTEM 'file://{secret}'>]><domain><name>&x;</name></domain>"
    with pytest.raises(DomainXmlError):
        domain_xml.edit(text, {"vcpu": "2"})


@given(st.text())
def test_any_text_is_a_domain_or_an_error_of_ours(text: str) -> None:
    try:
        domain_xml.parse(text)
    except DomainXmlError:
        return
    raise AssertionError("hypothesis wrote a domain")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip))
def test_what_a_spec_says_cannot_leave_its_place(text: str) -> None:
    want = Wanted(
        hostdevs=(Hostdev("0000:01:00.0", "no", rom="/" + text),),
        vendor_id=text.replace(" ", "") or "x",
    ).properties()
    done = domain_xml.edit("<domain/>", want)
    assert domain_xml.differences(domain_xml.parse(done.xml), want) == []
    assert [str(n.tag) for n in domain_xml.parse(done.xml)] == ["features", "devices"]


def test_an_encoding_declaration_does_not_change_the_letters() -> None:
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><domain><title>\u00fc</title></domain>"
    assert "\u00fc" in domain_xml.edit(text, {"vcpu": "2"}).xml


def test_a_shmem_name_is_an_attribute_and_nothing_more() -> None:
    want = Wanted(shmem=(Shmem("a'/><x y='", "1M"),)).properties()
    assert len(domain_xml.parse(domain_xml.edit("<domain/>", want).xml)) == 1
