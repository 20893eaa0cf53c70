"""A definition that is written again differs from the old one in what was changed, and no more."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from backends.formats import domain_xml
from backends.formats.domain_xml import tree
from tests.formats.samples import read, realworld_files

ODD = """<domain type='kvm' xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>it's "a"="b"</name>
  <description a='"x" &apos;y&apos; &lt;z&gt; &amp; =' b='="1"'><![CDATA[<e f="g">]]></description>
  <?pi h="i"?><!-- a='1' b="2" <c d="3"> -->
  <q:commandline/>
</domain>
"""


def again(xml: str) -> str:
    return tree.serialise(domain_xml.parse(xml), xml)


def c14n(xml: str) -> bytes:
    return etree.tostring(domain_xml.parse(xml).getroottree(), method="c14n", with_comments=True)


def test_single_quotes_stay() -> None:
    # lxml writes what a namespace is called before the other attributes, and " as it must in "".
    after = again(ODD)
    assert c14n(after) == c14n(ODD)
    old, new = ODD.splitlines(), after.splitlines()
    assert [line for line in new if line not in old] == [
        "<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0' type='kvm'>",
        "  <description a='&quot;x&quot; &apos;y&apos; &lt;z&gt; &amp; =' "
        "b='=&quot;1&quot;'><![CDATA[<e f=\"g\">]]></description>",
    ]


def test_double_quotes_stay() -> None:
    text = "<domain type=\"kvm\">\n  <name>it's<!-- a='1' --></name>\n</domain>\n"
    assert again(text) == text


_WORDS = st.text(st.sampled_from("\"'<>=& a\n\t"), max_size=8)


@given(_WORDS, _WORDS, st.sampled_from(["a", "a'='b'", "a&b"]), _WORDS)
def test_nothing_becomes_anything_else(value: str, text: str, uri: str, comment: str) -> None:
    names = f"xmlns:q={quoteattr(f'urn:{uri}')} b={quoteattr(value)}"
    inner = f"{escape(text)}<!--{comment}--><q:e q:f={quoteattr(value)}/>"
    for kind in ("type='kvm'", 'type="kvm"'):
        xml = f"<domain {kind} {names}>{inner}</domain>"
        assert c14n(again(xml)) == c14n(xml)


@pytest.mark.realworld
def test_real_definitions() -> None:
    """Those of libvirt's own making come back to the letter, but for the order of a namespace and
    the layout of elements that follow a comment before the root."""
    letter = 0
    paths = [str(param.values[0]) for param in realworld_files("domxml")]
    for path in (Path(p) for p in paths if p.endswith(".xml")):
        text = read(path)
        try:
            before = c14n(text)
        except domain_xml.DomainXmlError:
            continue  # no definition
        assert c14n(again(text)) == before, path
        letter += again(text) == text
    assert letter > 300
