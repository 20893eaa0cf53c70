"""Chipsets and processors known to have an IOMMU, by the PCI id of their host bridge.

Where one of them is present and firmware publishes no DMAR (Intel) or IVRS (AMD) table, the
IOMMU is switched off in firmware setup, or the board maker never wired it up: the advice is to
look in firmware setup first. Names follow the pci.ids database.
"""

from __future__ import annotations

from collections.abc import Iterable

from specs.record import Record


class Chipset(Record):
    """``name`` for messages; ``source`` says who states that it has an IOMMU."""

    name: str
    source: str
    note: str = ""


_XEN = "Xen docs/misc/vtd.txt"
_IGFX = "Linux drivers/iommu/intel/iommu.c, quirk_iommu_igfx"
_TYLERSBURG = "Linux arch/x86/kernel/early-quirks.c, intel_remapping_check"
_CALPELLA = "Linux drivers/iommu/intel/iommu.c, quirk_calpella_no_shadow_gtt"
_BOARD = "not every board maker wired it up"
_IGFX_NOTE = "the kernel leaves the integrated graphics untranslated on it"

_Q35 = Chipset("Intel Q35", _XEN)
_X38 = Chipset("Intel X38/X48", "Intel X38 Express Chipset Datasheet, Intel VT-d", _BOARD)
_4SERIES = Chipset("Intel Q45/Q43 (4 Series)", _IGFX, _IGFX_NOTE)
_GM45 = Chipset("Intel GM45/PM45 (Mobile 4 Series)", _IGFX, _IGFX_NOTE)
_5400 = Chipset("Intel 5400", "Intel 5400 Chipset Memory Controller Hub Datasheet, Intel VT-d")
_X58 = Chipset("Intel 5500/5520/X58", _TYLERSBURG, "early steppings cannot remap interrupts")
_CORE1 = Chipset("first Intel Core with Q57/QM57", _CALPELLA, "only with a Q or QM chipset")
_SNB = Chipset("2nd generation Intel Core, Xeon E3", "processor datasheet, Intel VT-d", _BOARD)
_IVB = Chipset("3rd generation Intel Core, Xeon E3 v2", "processor datasheet, Intel VT-d", _BOARD)
_HSW = Chipset("4th generation Intel Core, Xeon E3 v3", "processor datasheet, Intel VT-d", _BOARD)
_SKL = Chipset("6th generation Intel Core, Xeon E3 v5", "processor datasheet, Intel VT-d")
_CFL = Chipset("8th/9th generation Intel Core", "processor datasheet, Intel VT-d")
_BDW = Chipset("5th generation Intel Core", "processor datasheet, Intel VT-d", _BOARD)
_KBL = Chipset("7th generation Intel Core, Xeon E3 v6", "processor datasheet, Intel VT-d")
_CML = Chipset("10th generation Intel Core", "processor datasheet, Intel VT-d")
_TGL = Chipset("11th generation Intel Core", "processor datasheet, Intel VT-d")
_ADL = Chipset("12th generation Intel Core", "processor datasheet, Intel VT-d")
_XEON5 = Chipset("Intel Xeon E5/E7", "processor datasheet, Intel VT-d")
_SKX = Chipset("Intel Xeon Scalable, Core X", "processor datasheet, Intel VT-d")
_RD890 = Chipset("AMD SR5650 to SR5690, 890FX, 990FX", "AMD SR5690 BIOS Developer's Guide, IOMMU")
_AMD15 = Chipset("AMD family 15h APU", "AMD BIOS and Kernel Developer's Guide, IOMMU", _BOARD)
_ZEN = Chipset("AMD Ryzen or EPYC", "AMD Processor Programming Reference, IOMMU at 00:00.2")

# Host bridges; QEMU's own Q35 machine shows 8086:29c0 and so matches none.
_TABLE = (
    (_Q35, "8086:29b0"),
    (_X38, "8086:29e0"),
    (_4SERIES, "8086:2e00 8086:2e10"),
    (_GM45, "8086:2a40"),
    (_5400, "8086:4000 8086:4001 8086:4003"),
    (_X58, "8086:3400 8086:3401 8086:3402 8086:3403 8086:3404 8086:3405 8086:3406 8086:3407"),
    (_CORE1, "8086:0040 8086:0044"),
    (_SNB, "8086:0100 8086:0104 8086:0108"),
    (_IVB, "8086:0150 8086:0154 8086:0158"),
    (_HSW, "8086:0a04 8086:0c00 8086:0c04 8086:0c08"),
    (_BDW, "8086:1604"),
    (_SKL, "8086:1904 8086:1910 8086:1918 8086:191f"),
    (_KBL, "8086:5904 8086:590f 8086:5910 8086:5918 8086:591f"),
    (_CFL, "8086:3e10 8086:3e18 8086:3e1f 8086:3e30 8086:3e33 8086:3e34"),
    (_CFL, "8086:3ec2 8086:3ec4 8086:3ec6"),
    (_CML, "8086:9b33 8086:9b43 8086:9b53 8086:9b54 8086:9b61 8086:9b63"),
    (_TGL, "8086:4c43 8086:4c53 8086:9a14"),
    (_ADL, "8086:4660 8086:4668"),
    (_XEON5, "8086:3c00 8086:0e00 8086:2f00 8086:6f00"),
    (_SKX, "8086:2020"),
    (_RD890, "1002:5a10 1002:5a11 1002:5a12 1002:5a13 1002:5a14"),
    (_AMD15, "1022:1422 1022:1576"),
    (_ZEN, "1022:1450 1022:1480 1022:14b5 1022:15d0 1022:1630"),
)
_BY_ID = {ids: chipset for chipset, line in _TABLE for ids in line.split()}


def known_chipset(ids: Iterable[str]) -> Chipset | None:
    """The first of these ``vendor:device`` ids that is known to have an IOMMU."""
    return next((_BY_ID[i] for i in ids if i in _BY_ID), None)
