"""Secrets: stripped from what is shown, put back to the device they belong to."""

from __future__ import annotations

from backends.formats import domain_xml
from tests.formats.domain_xml.canonical import canonical

SECURE = """<domain>
  <devices>
    <disk><source protocol='https'><cookies><cookie name='a'>secret1</cookie></cookies></source>
      <backingStore type='network'><source protocol='https'>
        <cookies><cookie name='b'>secret4</cookie></cookies></source>
        <backingStore><source><cookies><cookie name='c'>secret5</cookie></cookies></source>
        </backingStore></backingStore>
      <target dev='vda' bus='virtio'/></disk>
    <graphics type='vnc' port='1' passwd='secret2' passwdValidTo='2030-01-01T00:00:00'/>
    <graphics type='spice' passwd='secret3' connected='keep'/>
  </devices>
</domain>
"""


def test_nothing_secret_is_left() -> None:
    stripped = domain_xml.strip(SECURE)
    assert "secret" not in stripped
    assert "port" in stripped


def test_secrets_come_back_after_an_edit() -> None:
    edited = domain_xml.edit(domain_xml.strip(SECURE), {"memballoon": "none", "vcpu": "2"}).xml
    merged = domain_xml.merge(edited, SECURE)
    assert canonical(domain_xml.strip(merged)) == canonical(edited)
    for secret in ("secret1", "secret2", "passwdValidTo", "secret3", "connected"):
        assert secret in merged
    cookies = domain_xml.parse(merged).findall("devices/disk//source/cookies/cookie")
    assert [node.text for node in cookies] == ["secret1", "secret4", "secret5"]


def test_a_device_that_is_gone_takes_its_secret_along() -> None:
    other = domain_xml.strip(SECURE).replace('type="spice"', 'type="sdl"')
    assert "secret3" not in domain_xml.merge(other, SECURE)


def test_a_password_that_the_new_definition_has_stays() -> None:
    new = SECURE.replace("secret2", "newer")
    assert "newer" in domain_xml.merge(new, SECURE)
    assert "secret2" not in domain_xml.merge(new, SECURE)


def test_without_secrets_the_text_stays_as_it_is() -> None:
    plain = domain_xml.strip(SECURE)
    assert domain_xml.strip(plain) is plain
    assert domain_xml.merge(plain, plain) is plain
