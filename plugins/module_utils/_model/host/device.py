# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of one PCI function. Read once, never changed."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .. import forms

TYPE_PCI = "type-PCI"
TYPE_PF = "type-PF"
TYPE_VF = "type-VF"
TYPE_VDPA = "vdpa"
DEVICE_TYPES = (TYPE_PCI, TYPE_PF, TYPE_VF, TYPE_VDPA)

KindKey = tuple[str, str, str, str, t.Optional[int]]

VF_NUMBER = "vf_number"
OF_PF = "pf_"
"""What the keys of its PF's identity begin with in a VF's own."""

NO_DRIVER = "kvm-hostdev"
"""The driver_override of a function that our rules hold back at boot: the name of no driver, so that none binds it."""

UNREADABLE = "unreadable"
"""In place of a driver_override that can't be read, since somebody keeps the function's lock; not as it was, so that
nobody forgets it."""


def named_vfio(driver: str) -> bool:
    """Whether a driver is one of VFIO, by its name: before kernel 6.1 there is no vfio-dev/ folder to tell by."""
    return driver.replace("_", "-").endswith("vfio-pci")


def host_driven(device: PciDevice) -> bool:
    """Whether a driver of the host has the function: one that may use it, as VFIO's and pci-stub never do."""
    return device.driver is not None and not device.vfio and device.driver != "pci-stub"


@dataclass(frozen=True)
class Binding:
    """Which driver a function has and which one it is pinned to.

    `driver` is None without a driver, `override` None when the kernel's driver_override is unset.
    """

    driver: str | None
    override: str | None

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"driver": forms.nullable(forms.name), "driver_override": forms.nullable(forms.name)}
    )

    def as_dict(self) -> dict[str, str | None]:
        return {"driver": self.driver, "driver_override": self.override}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Binding:
        return cls(data["driver"], data["driver_override"])


class Bar(t.NamedTuple):
    """A base address register that is in use; `size` in bytes, `resizable_sizes` in bytes, empty when it is fixed."""

    number: int
    size: int
    io: bool
    is_64bit: bool
    prefetchable: bool
    resizable_sizes: tuple[int, ...] = ()


class PcieLink(t.NamedTuple):
    """Speeds as the kernel prints them (`16.0 GT/s PCIe`), widths in lanes; None where the kernel does not know."""

    current_speed: str | None
    current_width: int | None
    max_speed: str | None
    max_width: int | None


@dataclass(frozen=True)
class Child:
    """A class device that a function carries: a network interface, a disk, a USB bus ..."""

    kind: str
    name: str
    attributes: t.Mapping[str, str] = field(default_factory=dict)


class PciDetails(t.NamedTuple):
    """What is shown of a function, and read only then, or where pools or device specs are about it.

    `revision` has two hexadecimal digits; `d3cold_allowed` says whether the kernel may take the function's power away,
    None where it does not tell.
    """

    revision: str = "00"
    link: PcieLink | None = None
    bars: tuple[Bar, ...] = ()
    has_rom: bool = False
    d3cold_allowed: bool | None = None


class VfOf(t.NamedTuple):
    """Of which PF a VF is one, told by the PF's identity, and which one, counted from 0 as virtfn0 is."""

    pf: t.Mapping[str, str | None]
    number: int


class PciDevice(t.NamedTuple):
    """One PCI function as sysfs shows it. A tuple, since a host may have ten thousand of them to make.

    Ids are lower-case hexadecimal without `0x`: four digits, `class_id` six. `path` is absolute in sysfs. `vfio` says
    whether the function is bound to a VFIO driver now, whatever its name (it has `vfio-dev/`). `reset_methods` is None
    where the kernel has some and does not tell which (before 5.15), empty without any. `details` are only read where
    they are shown, or specs are about them. `responding` is false of a device whose config space reads all ones.
    `manages_fabric` is of a function that manages NVLink, `vgpu_type` of a VF whose driver makes vGPUs, 0 while it has
    made none there.
    `vf_product_id` is the one that a PF's VFs have or would have, None where the kernel does not tell (before 4.15).
    `vf_of` is of a VF that was read together with its PF. `port_type` is what a bridge's PCI Express capability says it
    is, None where it says nothing, or only to root.
    """

    address: str
    path: str
    stable_path: str
    vendor_id: str
    product_id: str
    class_id: str
    subsystem_vendor_id: str = "0000"
    subsystem_product_id: str = "0000"
    modalias: str = ""
    parent: str | None = None
    header_type: int = 0
    express: bool = True
    driver: str | None = None
    driver_override: str | None = None
    vfio: bool = False
    iommu_group: int | None = None
    numa_node: int | None = None
    boot_vga: bool = False
    reset_methods: tuple[str, ...] | None = None
    physical_function: str | None = None
    virtual_functions: tuple[str, ...] = ()
    total_vfs: int = 0
    serial: str | None = None
    children: tuple[Child, ...] = ()
    details: PciDetails | None = None
    responding: bool = True
    manages_fabric: bool = False
    vgpu_type: int | None = None
    vf_product_id: str | None = None
    pcie_serial: str | None = None
    vf_of: VfOf | None = None
    port_type: int | None = None

    @property
    def device_type(self) -> str:
        """Nova's word for the SR-IOV role: type-PF also while it has no VFs, vdpa of a VF with a vDPA device."""
        if self.physical_function:
            return TYPE_VDPA if any(child.kind == "vdpa" for child in self.children) else TYPE_VF
        return TYPE_PF if self.total_vfs else TYPE_PCI

    @property
    def num_vfs(self) -> int:
        """How many VFs there are.

        Counted: whoever reads sriov_numvfs waits for the PF's lock, for ever behind a write that hangs
        (drivers/pci/iov.c, sriov_numvfs_show).
        """
        return len(self.virtual_functions)

    @property
    def kind(self) -> KindKey:
        """What many devices of a host have in common: ids, class, type and NUMA node."""
        return self.vendor_id, self.product_id, self.class_id, self.device_type, self.numa_node

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The names of its network interfaces."""
        return tuple(child.name for child in self.children if child.kind == "net")

    @property
    def is_bridge(self) -> bool:
        """A PCI-to-PCI or CardBus bridge: header type 1 or 2 (PCI Local Bus 3.0, 6.1)."""
        return self.header_type != 0

    @property
    def binding(self) -> Binding:
        return Binding(self.driver, self.driver_override)

    @property
    def identity(self) -> dict[str, str | None]:
        """What must still be true of a claimed device; the address is only a hint.

        A VF has no serial number: it is the one with its number of its PF, whose own identity is there with `pf_`
        before each key.
        """
        return {
            "vendor_id": self.vendor_id,
            "product_id": self.product_id,
            "subsystem_vendor_id": self.subsystem_vendor_id,
            "subsystem_product_id": self.subsystem_product_id,
            "class_id": self.class_id,
            "serial": self.serial,
            **({} if self.pcie_serial is None else {"pcie_serial": self.pcie_serial}),
            "stable_path": self.stable_path,
            **({} if self.vf_of is None else _vf_identity(self.vf_of)),
        }


def _vf_identity(vf: VfOf) -> dict[str, str | None]:
    return {VF_NUMBER: str(vf.number), **{f"{OF_PF}{key}": value for key, value in vf.pf.items()}}


_NEEDED = {"vendor_id": forms.digits(4), "product_id": forms.digits(4), "class_id": forms.digits(6)}
_OPTIONAL = {
    "subsystem_vendor_id": forms.digits(4),
    "subsystem_product_id": forms.digits(4),
    "serial": forms.nullable(forms.text),
    "pcie_serial": forms.text,
    "stable_path": forms.text,
}


def _with_pf(keys: t.Mapping[str, forms.Check]) -> dict[str, forms.Check]:
    return {**keys, **{f"{OF_PF}{key}": form for key, form in keys.items()}}


_FUNCTION_FORM = forms.mapping(_NEEDED, _OPTIONAL)
_VF_FORM = forms.mapping({**_with_pf(_NEEDED), VF_NUMBER: forms.decimal}, _with_pf(_OPTIONAL))


def _identity_form(value: object, path: str) -> None:
    """What PciDevice.identity gives: a VF's PF and its number, or neither."""
    of_vf = isinstance(value, dict) and any(key.startswith((VF_NUMBER, OF_PF)) for key in value)
    (_VF_FORM if of_vf else _FUNCTION_FORM)(value, path)


# Of a device whose ids were null any other would be taken for it. One whose ids no device can have would pass for gone:
# its release would drop the claim and leave the device with vfio-pci.
IDENTITY_FORM = _identity_form
