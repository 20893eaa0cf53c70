"""The pages: whole, quiet (nothing fetched, nothing run), and safe with hostile names."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.libvirt.state import DomainState, LibvirtState
from backends.reader import TreeReader
from reconciler.inspection import Inspection, inspect
from reconciler.inspection.after import after
from reconciler.render.html.inspect_page import page
from reconciler.render.html.markup import el
from reconciler.render.html.plan_page import page as plan_page
from specs.record import replace
from specs.spec import HostSpec
from tests.cli import run
from tests.devices.planning import plan_on, state_of
from tests.simulator.examples import NAMES
from tests.simulator.hosts import build

REPO = Path(__file__).parents[2]
VOID = {"meta", "br", "hr"}
HTML = ("--format", "html")
EVIL = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"
DOMAIN = """<domain><name>x</name><vcpu>2</vcpu><memory unit='GiB'>4</memory>
<memoryBacking><hugepages/></memoryBacking>
<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='10'/></cputune>
<devices><hostdev mode='subsystem' type='pci'><source>
<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev></devices>
</domain>"""


class Seen(HTMLParser):
    """What a browser would make of a page: elements in balance, attributes, text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def quiet(seen: Seen) -> None:
    """Nothing is fetched, nothing runs."""
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(seen.tags)
    assert not [key for key, _ in seen.attributes if key.startswith("on") or key in ("src", "href")]


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_whole_and_quiet(name: str) -> None:
    folder = REPO / "examples" / name
    shown = run("--inspect", "--state", folder / "capture.json", "--format", "html")
    assert (shown.code, shown.err) == (0, "")
    quiet(Seen(shown.out))
    assert not re.search(r"url\(|@import|https?:", shown.out)
    planned = run(
        "--plan", folder / "host.toml", "--state", folder / "capture.json", "--format", "html"
    )
    quiet(Seen(planned.out))
    assert "Before" in Seen(planned.out).text


def test_every_cpu_device_and_group_is_told_in_words(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    found = inspect(state_of(TreeReader(tmp_path)))
    text = Seen(page(found)).text
    assert all(f"CPU {n}: the host" in text for n in range(64))
    assert all(f.address in text for f in found.pci if not f.bridge)
    assert "128G" in text
    assert "group 41" in text


def hostile(root: Path) -> Inspection:
    tree = build("intel-workstation", root)
    tree.write("/usr/share/misc/pci.ids", f"10de  {EVIL}\n\t2489  {EVIL}\n")
    tree.write("/proc/sys/kernel/hostname", EVIL + "\n")
    tree.write("/proc/cmdline", f"quiet {EVIL}\n")
    state = state_of(TreeReader(root))
    domain = DomainState(EVIL, "u", "running", True, True, False, False, DOMAIN)
    return inspect(replace(state, libvirt=LibvirtState("qemu:///system", domains=(domain,))))


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    found = hostile(tmp_path)
    seen = Seen(page(found))
    quiet(seen)
    assert EVIL in seen.text
    assert f"CPU 2: {EVIL}" in seen.text


def test_vms_have_their_cpus_and_devices_in_the_picture(tmp_path: Path) -> None:
    found = hostile(tmp_path)
    vm = found.vms[0]
    assert (vm.vcpus, vm.vcpupin, vm.memory) == (2, ("2", "10"), "4G")
    assert vm.devices == ("0000:01:00.0",)
    shown = page(found)
    assert shown.count('class="cpu vm0"') == 2
    assert shown.count('class="device vm0"') == 1


def test_after_a_plan_the_picture_is_that_of_the_spec(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    state = state_of(TreeReader(tmp_path))
    tables: dict[str, Any] = {
        "cpu": {"isolated": "2-15,34-47"},
        "hugepages": {"pages": [{"size": "1G", "count": 8, "node": 0}]},
        "device": [{"name": "data", "address": "0000:3b:00.0"}],
        "boot": {"kernel_args": ["mitigations=auto"]},
        "vm": [
            {
                "name": "router",
                "devices": ["data"],
                "cputune": {"vcpupin": ["2", "34"]},
                "memory": {"size": "8G", "hugepages": "1G"},
            }
        ],
    }
    spec = HostSpec.model_validate({"version": 1, **tables})
    plan = replace(plan_on(state, **tables), findings=())
    found = inspect(state)
    then = after(found, plan, spec)
    assert then.cpu.isolated == "2-15,34-47"
    assert [p.total for p in then.hugepages if p.size == "1G"] == [8, 8, 0]
    assert then.memory.nodes[0].free_kib == found.memory.nodes[0].free_kib - (8 << 20)
    assert next(f.driver for f in then.pci if f.address == "0000:3b:00.0") == "vfio-pci"
    assert all("mitigations=auto" in e.args for e in then.boot.next if e.kind == "normal")
    assert not any("mitigations" in e.args for e in then.boot.next if e.kind == "recovery")
    assert [(v.name, v.vcpus, v.devices) for v in then.vms] == [("router", 2, ("0000:3b:00.0",))]
    shown = plan_page(plan, found, then)
    assert shown.count("cpu vm0 changed") == 2
    assert "CPU 2: router (before: the host)" in Seen(shown).text
    assert "i40e → vfio-pci · router" in Seen(shown).text


def test_new_virtual_functions_are_in_the_picture(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    state = state_of(TreeReader(tmp_path))
    tables: dict[str, Any] = {"sriov": [{"name": "lan", "address": "0000:3b:00.1", "vfs": 8}]}
    plan = plan_on(state, **tables)
    found = inspect(state)
    spec = HostSpec.model_validate({"version": 1, **tables})
    shown = plan_page(plan, found, after(found, plan, spec))
    assert "i40e · 8 virtual functions (before: 0)" in Seen(shown).text
    assert shown.count("device host changed") == 1


def test_a_refused_plan_changes_nothing_in_the_picture(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    state = state_of(TreeReader(tmp_path))
    tables: dict[str, Any] = {"cpu": {"isolated": "0-9999"}}
    plan = plan_on(state, **tables)
    assert plan.refusals(strict=False)
    found = inspect(state)
    assert after(found, plan, HostSpec.model_validate({"version": 1, **tables})) == found


@given(st.text(), st.text())
def test_text_comes_out_as_it_went_in(inside: str, attribute: str) -> None:
    seen = Seen(el("p", inside, title=attribute).source)
    assert seen.tags == ["p"]
    shown = [c for c in inside if c.isprintable()]
    assert all(c in "".join(seen.words) for c in shown)
    assert [key for key, _ in seen.attributes] == ["title"]


def test_before_and_after_of_a_host_with_vms() -> None:
    """The definitions that the plan makes are what the picture shows."""
    folder = REPO / "examples/vm-host"
    ran = run("--plan", folder / "host.toml", "--state", folder / "capture.json", *HTML)
    shown, text = ran.out, Seen(ran.out).text
    assert shown.count('class="cpu vm0 changed"') == shown.count('class="cpu vm1 changed"') == 8
    assert "CPU 8: cad-1 (before: the host)" in text
    assert "CPU 4: isolated, no VM pinned (before: the host)" in text
    assert "nouveau → vfio-pci · render" in text
    assert "snd_hda_intel → vfio-pci · render" in text
    assert shown.count('class="device vm0"') == 4  # of the VM that has its card: before and after
    assert "16G in 16 huge pages of 1G (before: 0)" in text
    assert "VM render" in text
    assert text.index("Before") < text.index("NUMA node 0") < text.index("Virtual machines")
