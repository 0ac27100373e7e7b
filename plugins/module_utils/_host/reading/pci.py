# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading PCI functions from sysfs (Documentation/ABI/testing/sysfs-bus-pci, PCI Local Bus 3.0 for config space)."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.config_space import ConfigSpace
from ..._model.host.device import Bar, Child, PciDevice, PcieLink, named_vfio
from ..hung_writes import all_hung_writes

if t.TYPE_CHECKING:
    from ..sysfs import Folder, Tree

DEVICES = "/sys/bus/pci/devices"
VDPA_DEVICES = "/sys/bus/vdpa/devices"

_PCI_NAME = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
# Folders between a function and the class devices it carries.
_BETWEEN = re.compile(
    r"(?:virtio|ata|host|target|usb)\d.*|nvme|nvme\d+|\d+-[\d.]+(?::[\d.]+)?|(?:\d+:){3}\d+|net|block|drm"
)
_UNREADABLE = "unreadable"
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
_NAMESPACE = re.compile(r"nvme\d+(?:c\d+)?n\d+")

# include/linux/ioport.h
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM = 0x200
_IORESOURCE_PREFETCH = 0x2000
_IORESOURCE_MEM_64 = 0x100000
_ROM_INDEX = 6
_NO_BAR = "0x0000000000000000 0x0000000000000000 0x0000000000000000"


def pci_addresses(path: str) -> list[str]:
    """The PCI functions along a sysfs path, root first."""
    return [part for part in path.split("/") if _PCI_NAME.fullmatch(part)]


def locate(tree: Tree, link: str) -> list[tuple[str, str]]:
    """Where what a link in sysfs leads to is: its path, and the PCI function that carries it or "".

    Nowhere if it is not there, or a virtual device.
    """
    path = tree.real(link)
    if not path.startswith("/sys/devices/") or path.startswith("/sys/devices/virtual/"):
        return []
    return [(path, (pci_addresses(path) or [""])[-1])]


def read_devices(tree: Tree) -> list[PciDevice]:
    """All PCI functions of the host. A function that vanishes while it is read is left out."""
    reader = _Reader(tree)
    found = (reader.read(address) for address in tree.names(DEVICES))
    return [device for device in found if device is not None]


def read_device(tree: Tree, address: str) -> PciDevice | None:
    """One function as it is now, None when there is none at the address (given in sysfs spelling)."""
    return _Reader(tree).read(address)


class _Reader:
    """Reads functions, and each bridge above them once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._secondary: dict[str, int] = {}
        self._vdpa = frozenset(tree.names(VDPA_DEVICES))
        self._hung_writes = all_hung_writes(tree)

    def read(self, address: str) -> PciDevice | None:
        path = self._tree.linked(f"{DEVICES}/{address}")
        try:
            with self._tree.folder(path) as folder:
                return self._read(address, path, folder)
        except OSError:
            return None

    def _read(self, address: str, path: str, folder: Folder) -> PciDevice | None:
        identity = _identity(folder)
        if identity is None:
            return None
        names = folder.names
        config = ConfigSpace(folder.data("config", 256) or b"")
        if config.header_type:
            self._secondary[address] = config.secondary_bus
        along = pci_addresses(path)
        driver = folder.link_name("driver")
        # Whoever reads it of a function that hangs hangs too; it is not as it was, so that nobody forgets it.
        override = _UNREADABLE if address in self._hung_writes else folder.text("driver_override")
        group = folder.link_name("iommu_group")
        numa_node = folder.number("numa_node")
        reset_methods = folder.text("reset_method")
        if reset_methods is None and "reset" not in names:
            reset_methods = ""  # a function that can't be reset has neither file (pci_reset_supported)
        d3cold = folder.text("d3cold_allowed")
        children = tuple(_children(self._tree, path, names - _ATTRIBUTES)) if config.header_type == 0 else ()
        children += tuple(Child("vdpa", name) for name in sorted(self._vdpa & names))
        return PciDevice(
            address=address,
            path=path,
            stable_path=self._stable_path(along),
            **identity,
            revision=config.revision or _identifier(folder.text("revision"), 2),
            parent=along[-2] if len(along) > 1 else None,
            header_type=config.header_type,
            express=config.express if config.capabilities_known else "max_link_speed" in names,
            driver=driver,
            # The kernel prints "(null)" for an unset override.
            driver_override=None if override in (None, "", "(null)") else override,
            vfio="vfio-dev" in names or (driver is not None and named_vfio(driver)),
            iommu_group=int(group) if group is not None and group.isdecimal() else None,
            numa_node=numa_node if numa_node is not None and numa_node >= 0 else None,
            boot_vga=folder.text("boot_vga") == "1",
            reset_methods=None if reset_methods is None else tuple(reset_methods.split()),
            d3cold_allowed=None if d3cold is None else d3cold == "1",
            physical_function=folder.link_name("physfn"),
            virtual_functions=tuple(_virtual_functions(folder)),
            total_vfs=folder.number("sriov_totalvfs") or 0,
            num_vfs=folder.number("sriov_numvfs") or 0,
            link=config.link if config.capabilities_known else _link(folder),
            bars=tuple(_bars(folder)),
            has_rom="rom" in names,
            serial=_serial(folder, children),
            children=children,
        )

    def _stable_path(self, along: list[str]) -> str:
        """The way to a function through its bridges, each bus counted from its bridge's own secondary bus.

        A card's bus number changes when another card brings a bridge; this does not. The form is the one of Qubes OS:
        `0000_00_08.1-00_00.0` is function 00.0 on the first bus below 0000:00:08.1.
        """
        domain, bus, rest = along[0].split(":")
        parts = [f"{domain}_{bus}_{rest}"]
        for bridge, address in zip(along, along[1:]):
            _domain, bus, rest = address.split(":")
            parts.append(f"{int(bus, 16) - self._secondary_bus(bridge) & 0xFF:02x}_{rest}")
        return "-".join(parts)

    def _secondary_bus(self, bridge: str) -> int:
        if bridge not in self._secondary:
            config = ConfigSpace(self._tree.data(f"{DEVICES}/{bridge}/config", 64) or b"")
            self._secondary[bridge] = config.secondary_bus
        return self._secondary[bridge]


def _virtual_functions(folder: Folder) -> t.Iterator[str]:
    """Addresses of a PF's VFs, by their numbers."""
    if "sriov_numvfs" not in folder.names:
        return
    numbers = (name[6:] for name in folder.names if name.startswith("virtfn"))
    for number in sorted(filter(str.isdecimal, numbers), key=int):
        address = folder.link_name(f"virtfn{number}")
        if address is not None:
            yield address


def _identity(folder: Folder) -> dict[str, str] | None:
    """Ids, class and modalias, from the one file that has them all; None for what is no PCI function (any more)."""
    told = _UEVENT.search(folder.text("uevent") or "")
    if told is not None:
        class_id, vendor, product, subsystem_vendor, subsystem_product, modalias = told.groups()
        return {
            "vendor_id": vendor.lower(),
            "product_id": product.lower(),
            "class_id": class_id.lower().zfill(6),
            "subsystem_vendor_id": subsystem_vendor.lower(),
            "subsystem_product_id": subsystem_product.lower(),
            "modalias": modalias,
        }
    vendor_file = folder.text("vendor")
    if vendor_file is None:
        return None
    return {
        "vendor_id": _identifier(vendor_file, 4),
        "product_id": _identifier(folder.text("device"), 4),
        "class_id": _identifier(folder.text("class"), 6),
        "subsystem_vendor_id": _identifier(folder.text("subsystem_vendor"), 4),
        "subsystem_product_id": _identifier(folder.text("subsystem_device"), 4),
        "modalias": folder.text("modalias") or "",
    }


def _identifier(text: str | None, width: int) -> str:
    try:
        return f"{int(text or '0', 16):0{width}x}"
    except ValueError:
        return "0" * width


def _link(folder: Folder) -> PcieLink | None:
    """The link from sysfs' own files, where the capabilities in config space are only for root."""
    if "max_link_speed" not in folder.names:
        return None

    def speed(name: str) -> str | None:
        text = folder.text(name)
        return None if text is None or text.startswith("Unknown") else text

    def width(name: str) -> int | None:
        lanes = folder.number(name)
        return lanes if lanes and lanes != 255 else None

    return PcieLink(
        speed("current_link_speed"), width("current_link_width"), speed("max_link_speed"), width("max_link_width")
    )


def _bars(folder: Folder) -> t.Iterator[Bar]:
    for index, line in enumerate((folder.text("resource") or "").split("\n", _ROM_INDEX)[:_ROM_INDEX]):
        if line == _NO_BAR:
            continue
        try:
            start, end, flags = [int(number, 16) for number in line.split()]
        except ValueError:
            continue
        if not flags & (_IORESOURCE_IO | _IORESOURCE_MEM) or end <= start:
            continue
        sizes: tuple[int, ...] = ()
        if f"resource{index}_resize" in folder.names:
            mask = int(_identifier(folder.text(f"resource{index}_resize"), 16), 16)
            sizes = tuple(1 << 20 + bit for bit in range(64) if mask >> bit & 1)
        yield Bar(
            index,
            end - start + 1,
            io=bool(flags & _IORESOURCE_IO),
            is_64bit=bool(flags & _IORESOURCE_MEM_64),
            prefetchable=bool(flags & _IORESOURCE_PREFETCH),
            resizable_sizes=sizes,
        )


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
    return Child("block", name, _attributes(tree, path, ("size", "serial")))


def _attributes(tree: Tree, path: str, wanted: t.Sequence[str]) -> dict[str, str]:
    found = {name: tree.text(f"{path}/{name}") for name in wanted}
    return {name: text for name, text in found.items() if text}


def _serial(folder: Folder, children: t.Sequence[Child]) -> str | None:
    """The card's serial from its VPD, else the one that its disk shows, else its first interface's own MAC.

    A VF has none: it is made and its MAC is given anew with each sriov_numvfs.
    """
    if "physfn" in folder.names:
        return None
    serial = vpd_serial(folder.data("vpd", 1024) or b"")
    if serial:
        return serial
    for child in children:
        if child.kind in ("nvme", "block") and child.attributes.get("serial"):
            return child.attributes["serial"]
    for child in children:
        # addr_assign_type 0 is the address in the hardware (include/uapi/linux/netdevice.h).
        if child.kind == "net" and child.attributes.get("addr_assign_type") == "0":
            return child.attributes.get("address")
    return None


def vpd_serial(data: bytes) -> str | None:
    """The SN keyword of vital product data (PCI Local Bus 3.0, appendix I); None when there is none or it is broken."""
    place = 0
    while place + 3 <= len(data) and data[place] & 0x80:
        tag, size = data[place], int.from_bytes(data[place + 1 : place + 3], "little")
        place += 3
        if tag == 0x90:
            field = place
            while field + 3 <= min(place + size, len(data)):
                keyword, length = data[field : field + 2], data[field + 2]
                if keyword == b"SN":
                    return data[field + 3 : field + 3 + length].decode("ascii", "replace").strip("\0 ") or None
                field += 3 + length
        place += size
    return None
