# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading PCI functions from sysfs (Documentation/ABI/testing/sysfs-bus-pci, PCI Local Bus 3.0 for config space)."""

from __future__ import annotations

import functools
import os
import re
import typing as t

from ...._model.host.config_space import ConfigSpace, config_space
from ...._model.host.device import UNREADABLE, Child, PciDevice, VfOf, named_vfio
from ...sysfs import as_hexadecimal, as_number, as_text
from ..iommu_groups import groups_without_iommu
from .overrides import read_overrides
from .serials import serials

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDetails
    from ...sysfs import Folder, Tree

DEVICES = "/sys/bus/pci/devices"
VDPA_DEVICES = "/sys/bus/vdpa/devices"

_PCI_NAME = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_ROOT_BUS = re.compile(r"pci[0-9a-f]+:[0-9a-f]{2}")
# Folders between a function and the class devices it carries.
_BETWEEN = re.compile(
    r"(?:virtio|ata|host|target|usb)\d.*|nvme|nvme\d+|\d+-[\d.]+(?::[\d.]+)?|(?:\d+:){3}\d+|net|block|drm"
)
# The class of bridges, which the kernel keeps, with their header type, for those whose own header can't be read.
_BRIDGES = {"0604": 1, "0607": 2, "0609": 1}
# ConnectX-7 functions that manage the NVLink of a host say so in a field of the vendor (NVIDIA Fabric Manager's guide).
_MELLANOX, _MANAGES_NVLINK = "15b3", b"SW_MNG"
# Files that most functions have; none of them carries anything.
_ATTRIBUTES = frozenset(
    "aer_dev_correctable aer_dev_fatal aer_dev_nonfatal ari_enabled boot_vga broken_parity_status class config "
    "consistent_dma_mask_bits current_link_speed current_link_width d3cold_allowed device dma_mask_bits driver "
    "driver_override enable firmware_node iommu iommu_group irq link local_cpulist local_cpus max_link_speed "
    "max_link_width modalias msi_bus msi_irqs numa_node physfn power power_state remove rescan reset reset_method "
    "resource resource0 resource1 resource2 resource3 resource4 resource5 revision rom sriov_drivers_autoprobe "
    "sriov_numvfs sriov_offset sriov_stride sriov_totalvfs sriov_vf_device sriov_vf_total_msix subsystem "
    "subsystem_device subsystem_vendor uevent vendor vpd wakeup".split()
)
# In the order of pci_uevent (drivers/pci/pci-driver.c).
_UEVENT = re.compile(
    r"^PCI_CLASS=([0-9A-F]+)\nPCI_ID=([0-9A-F]{4}):([0-9A-F]{4})\n"
    r"PCI_SUBSYS_ID=([0-9A-F]{4}):([0-9A-F]{4})\nPCI_SLOT_NAME=.*\nMODALIAS=(.*)$",
    re.MULTILINE,
)
# 60-persistent-storage.rules of udev has it of a virtio disk as that tells it.
_UDEV_SERIAL = "E:ID_SERIAL="
_NAMESPACE = re.compile(r"nvme\d+(?:c\d+)?n\d+")


def is_pci_name(name: str) -> bool:
    """Whether a name in sysfs is a PCI function's address."""
    return _PCI_NAME.fullmatch(name) is not None


def pci_addresses(path: str) -> list[str]:
    """The PCI functions along a sysfs path, root first."""
    return [part for part in path.split("/") if is_pci_name(part)]


def locate(tree: Tree, link: str) -> list[tuple[str, str]]:
    """Where what a link in sysfs leads to is: its path, and the PCI function that carries it or "".

    Nowhere if it is not there, or a virtual device.
    """
    path = tree.real(link)
    if not path.startswith("/sys/devices/") or path.startswith("/sys/devices/virtual/"):
        return []
    return [(path, (pci_addresses(path) or [""])[-1])]


def read_devices(tree: Tree, *, details: bool = False) -> list[PciDevice]:
    """All PCI functions of the host, with their `details` or without.

    A function that vanishes while it is read is left out.
    """
    return read_devices_at(tree, tree.names(DEVICES), details=details)


def read_devices_at(tree: Tree, addresses: t.Sequence[str], *, details: bool = False) -> list[PciDevice]:
    """Those of the functions (in sysfs spelling) that are there now; VFs are told by PFs that come before them."""
    if not addresses:
        return []
    reader = _Reader(tree, addresses, details=details)
    return [device for device in map(reader.read, addresses) if device is not None]


def read_device(tree: Tree, address: str) -> PciDevice | None:
    """One function as it is now, None when there is none at the address (given in sysfs spelling)."""
    return next(iter(read_devices_at(tree, [address])), None)


def read_identified(tree: Tree, address: str) -> PciDevice | None:
    """The same, with all that tells it from others: for a VF its PF is read as well, which may take some time."""
    device = read_device(tree, address)
    pf = None if device is None or device.physical_function is None else read_device(tree, device.physical_function)
    return device if device is None or pf is None else device._replace(vf_of=_vfs_of(pf).get(address))


def _vfs_of(pf: PciDevice) -> dict[str, VfOf]:
    identity = pf.identity
    return {address: VfOf(identity, number) for number, address in enumerate(pf.virtual_functions)}


def read_devices_below(tree: Tree, device: PciDevice) -> list[PciDevice]:
    """The functions behind a function: a bridge or, as Intel's VMD, an endpoint with buses of its own."""
    addresses, pending = [], [device.path]
    while pending:
        folder = pending.pop()
        for name in tree.names(folder):
            if _PCI_NAME.fullmatch(name):
                addresses.append(name)
                pending.append(f"{folder}/{name}")
            elif _ROOT_BUS.fullmatch(name):
                pending.append(f"{folder}/{name}")
    return read_devices_at(tree, addresses)


class _Bus(t.NamedTuple):
    """What the functions on one bus have in common.

    `path` is the folder that they lie in, `bridge` what leads there, None on a root bus, `stable_path` that bridge's
    own, and `first` the number that buses are counted from there.
    """

    path: str
    bridge: str | None
    stable_path: str
    first: int | None


class _Identity(t.NamedTuple):
    vendor_id: str
    product_id: str
    class_id: str
    subsystem_vendor_id: str
    subsystem_product_id: str
    modalias: str


class _Reader:
    """Reads functions, and once what many of them share: buses, ids, configuration spaces that are the same."""

    def __init__(self, tree: Tree, addresses: t.Iterable[str], *, details: bool) -> None:
        self._tree = tree
        self._read_details: t.Callable[[Folder, ConfigSpace], PciDetails] | None = None
        if details:
            from .details import read_details

            self._read_details = read_details
        self._buses: dict[str, _Bus] = {}
        self._secondary: dict[str, int] = {}
        self._without_iommu = groups_without_iommu(tree)
        self._vdpa = frozenset(tree.names(VDPA_DEVICES))
        self._overrides = read_overrides(tree, addresses)
        self._vfs: dict[str, VfOf] = {}
        """Of the PFs that were read, which lie before their VFs on the bus (SR-IOV 1.1, 3.3.9)."""

    def read(self, address: str) -> PciDevice | None:
        target = self._tree.link_target(f"{DEVICES}/{address}") or address
        above, _slash, name = target.rstrip("/").rpartition("/")
        bus = self._buses.get(above)
        if bus is None:
            bus = self._buses[above] = self._bus(above)
        try:
            with self._tree.folder(f"{bus.path}/{name}") as folder:
                device = self._read(address, bus, name, folder)
        except OSError:
            return None
        if device is not None and device.virtual_functions:
            self._vfs.update(_vfs_of(device))
        return device

    def _read(self, address: str, bus: _Bus, name: str, folder: Folder) -> PciDevice | None:
        override = self._overrides.get(address)
        # Some kernels of 2024 take the device's lock for uevent as well (drivers/base/core.c, uevent_show).
        identity = _identity_of_files(folder) if override == UNREADABLE else _identity(folder)
        if identity is None:
            return None
        path = f"{bus.path}/{name}"
        names = folder.names
        data = folder.data("config", 64 if self._read_details is None else 256) or b""
        config = config_space(data)
        told = config.responds and data != b""
        header_type = config.header_type if told else _BRIDGES.get(identity.class_id[:4], 0)
        if header_type and told:
            self._secondary[address] = config.secondary_bus
        express = "max_link_speed" in names  # the capability for PCI Express (pcie_dev_attrs_are_visible)
        driver = folder.link_name("driver")
        group = folder.link_name("iommu_group")
        others = names - _ATTRIBUTES
        children = self._children(path, header_type, others) if others else ()
        # A VF has none, and who does not respond lets the kernel wait for it (drivers/pci/vpd.c, pci_vpd_wait).
        vital = b"" if "physfn" in names or not config.responds else folder.data("vpd", 1024) or b""
        serial, pcie_serial = serials(folder, children, vital, express and header_type == 0 and config.responds)
        # By the order of the fields: their names would cost as much as reading another file.
        return PciDevice(
            address,
            path,
            bus.stable_path + _place(name, bus.first),
            *identity,
            bus.bridge,
            header_type,
            express,
            driver,
            override,
            "vfio-dev" in names or (driver is not None and named_vfio(driver)),
            int(group) if group is not None and group.isdecimal() and group not in self._without_iommu else None,
            _numa_node(folder.data("numa_node")),
            folder.text("boot_vga") == "1",
            _reset_methods(folder.data("reset_method"), "reset" in names),
            folder.link_name("physfn"),
            _virtual_functions(folder),
            (folder.number("sriov_totalvfs") or 0) if "sriov_totalvfs" in names else 0,
            serial,
            children,
            None if self._read_details is None else self._read_details(folder, config),
            config.responds,
            identity.vendor_id == _MELLANOX and _MANAGES_NVLINK in vital,
            self._tree.number(f"{path}/nvidia/current_vgpu_type") if "nvidia" in others else None,
            as_hexadecimal(folder.data("sriov_vf_device"), 4) if "sriov_vf_device" in names else None,
            pcie_serial,
            self._vfs.get(address),
            config_space(folder.data("config", 256) or b"").port_type if header_type else None,
        )

    def _bus(self, above: str) -> _Bus:
        """The bus whose functions lie in a folder, given as the links in DEVICES lead there."""
        path = os.path.normpath(os.path.join(DEVICES, above))
        bridges = pci_addresses(path)
        if not bridges:
            return _Bus(path, None, "", None)
        return _Bus(path, bridges[-1], self._stable_path(bridges), self._secondary_bus(bridges[-1]))

    def _stable_path(self, bridges: list[str]) -> str:
        stable = _place(bridges[0])
        for above, bridge in zip(bridges, bridges[1:]):
            stable += _place(bridge, self._secondary_bus(above))
        return stable

    def _secondary_bus(self, bridge: str) -> int:
        if bridge not in self._secondary:
            data = self._tree.data(f"{DEVICES}/{bridge}/config", 64) or b""
            config = ConfigSpace(data)
            self._secondary[bridge] = config.secondary_bus if data and config.responds else self._known_bus(bridge)
        return self._secondary[bridge]

    def _known_bus(self, bridge: str) -> int:
        """The bus below a bridge that does not respond or can't be read, as the kernel found it."""
        names = self._tree.names(f"{DEVICES}/{bridge}/pci_bus")
        return int(as_hexadecimal(names[0].rpartition(":")[2].encode(), 2), 16) if names else 0

    def _children(self, path: str, header_type: int, names: frozenset[str]) -> tuple[Child, ...]:
        children = tuple(_children(self._tree, path, names)) if header_type == 0 else ()
        return children + tuple(Child("vdpa", name) for name in sorted(self._vdpa & names))


def _place(address: str, first: int | None = None) -> str:
    """A function's part of a stable path: its place on a bus that is counted from `first`, on a root bus all of it.

    A card's bus number changes when another card brings a bridge; this does not. The form is the one of Qubes OS:
    `0000_00_08.1-00_00.0` is function 00.0 on the first bus below 0000:00:08.1.
    """
    domain, bus, rest = address.split(":")
    return f"{domain}_{bus}_{rest}" if first is None else f"-{int(bus, 16) - first & 0xFF:02x}_{rest}"


def _virtual_functions(folder: Folder) -> tuple[str, ...]:
    """Addresses of a PF's VFs, by their numbers."""
    if "sriov_numvfs" not in folder.names:
        return ()
    numbers = (name[6:] for name in folder.names if name.startswith("virtfn"))
    links = (folder.link_name(f"virtfn{number}") for number in sorted(filter(str.isdecimal, numbers), key=int))
    return tuple(address for address in links if address is not None)


def _identity(folder: Folder) -> _Identity | None:
    """Ids, class and modalias, from the one file that has them all; None for what is no function (any more)."""
    before, slot, after = (folder.data("uevent") or b"").partition(b"\nPCI_SLOT_NAME=")
    # Without the address, which is the folder's name, many functions have the same text.
    return _parse_uevent(before + slot + after[after.find(b"\n") :]) or _identity_of_files(folder)


@functools.cache
def _parse_uevent(data: bytes) -> _Identity | None:
    told = _UEVENT.search(as_text(data))
    if told is None:
        return None
    class_id, vendor, product, subsystem_vendor, subsystem_product, modalias = told.groups()
    return _Identity(
        vendor.lower(),
        product.lower(),
        class_id.lower().zfill(6),
        subsystem_vendor.lower(),
        subsystem_product.lower(),
        modalias,
    )


def _identity_of_files(folder: Folder) -> _Identity | None:
    """The same from a file for each, None where there is no such file."""
    vendor = folder.data("vendor")
    if vendor is None:
        return None
    return _Identity(
        as_hexadecimal(vendor, 4),
        as_hexadecimal(folder.data("device"), 4),
        as_hexadecimal(folder.data("class"), 6),
        as_hexadecimal(folder.data("subsystem_vendor"), 4),
        as_hexadecimal(folder.data("subsystem_device"), 4),
        folder.text("modalias") or "",
    )


# The texts of a few files are the same for most functions of a host.


@functools.cache
def _numa_node(data: bytes | None) -> int | None:
    number = as_number(data)
    return number if number is not None and number >= 0 else None


@functools.cache
def _reset_methods(data: bytes | None, resettable: bool) -> tuple[str, ...] | None:
    """A function that can't be reset has neither file (pci_reset_supported)."""
    if data is None and resettable:
        return None
    return tuple(as_text(data or b"").split())


def _children(tree: Tree, path: str, names: t.Collection[str]) -> t.Iterator[Child]:
    """The class devices that the function carries, found by going down the folders that lie between."""
    for name in sorted(names):
        below = f"{path}/{name}"
        if name == "mdev_supported_types":
            for kind in tree.names(below):
                free = tree.text(f"{below}/{kind}/available_instances") or "0"
                yield Child("mdev_type", kind, {"available_instances": free})
        elif _NAMESPACE.fullmatch(name):
            yield _block(tree, below, name)
        elif _BETWEEN.fullmatch(name) and tree.link_name(below) is None:
            parent = path.rsplit("/", 1)[-1]
            if re.fullmatch(r"usb\d+", name):
                yield Child("usb", name)
            elif re.fullmatch(r"host\d+", name):
                yield Child("scsi_host", name)
            elif re.fullmatch(r"nvme\d+", name) and parent == "nvme":
                yield Child("nvme", name, _attributes(tree, below, ("serial", "model", "firmware_rev")))
            if name in ("net", "block", "drm"):
                yield from _class_devices(tree, below, name)
            else:
                yield from _children(tree, below, tree.names(below))


def _class_devices(tree: Tree, folder: str, kind: str) -> t.Iterator[Child]:
    for name in tree.names(folder):
        if kind == "net":
            yield Child(
                "net", name, _attributes(tree, f"{folder}/{name}", ("address", "operstate", "addr_assign_type"))
            )
        elif kind == "block":
            yield _block(tree, f"{folder}/{name}", name)
        elif tree.link_name(f"{folder}/{name}") is None:  # not drm's controlD64, which is only another name of card0
            yield Child(kind, name)


def _block(tree: Tree, path: str, name: str) -> Child:
    """A disk with the serial number that udev was told.

    The kernel has a file for it of virtio disks alone, and asks the disk then, without a limit to how long it may take
    to answer (drivers/block/virtio_blk.c, virtblk_get_id).
    """
    attributes = _attributes(tree, path, ("size",))
    if name.startswith("vd"):
        known = tree.lines(f"/run/udev/data/b{tree.text(f'{path}/dev')}")
        serial = next((line[len(_UDEV_SERIAL) :] for line in known if line.startswith(_UDEV_SERIAL)), "")
        attributes.update({"serial": serial} if serial else {})
    return Child("block", name, attributes)


def _attributes(tree: Tree, path: str, wanted: t.Sequence[str]) -> dict[str, str]:
    texts = {name: tree.text(f"{path}/{name}") for name in wanted}
    return {name: text for name, text in texts.items() if text}
