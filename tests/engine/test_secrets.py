"""A VM's passwords are in its definition, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from tests.cli import run
from tests.simulator.hosts import build

SECRET = "kein-geheimnis-mehr"
DEFINITION = f"""<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory><vcpu>1</vcpu>
<os><type>hvm</type></os><devices><graphics type='vnc' passwd='{SECRET}'/></devices></domain>
"""


def test_the_passwords_of_a_definition_are_in_no_plan(tmp_path: Path) -> None:
    build("amd-workstation", tmp_path / "tree")
    (tmp_path / "a.xml").write_text(DEFINITION)
    spec = tmp_path / "host.toml"
    spec.write_text('version = 1\n[[vm]]\nname = "a"\ndefinition = "a.xml"\n')
    saved = tmp_path / "plan.json"
    argv = ("--plan", spec, "--root", tmp_path / "tree", "--out", saved, "--format", "json", "-v")
    ran = run(*argv)
    assert "documents" in ran.out
    assert SECRET not in ran.out + ran.err + saved.read_text()
