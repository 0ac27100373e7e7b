# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of a host go into a recording, and what of them: those that are known, and no other."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ..sriov.unmanaged import NETWORK_PATH, OWN_LINES, RULES_PATH

if t.TYPE_CHECKING:
    from .pseudonyms import Same

Keep = t.Callable[[bytes, "Same"], t.Optional[bytes]]
"""What of a file's content is kept, None for nothing of it: that it is there is told all the same."""

# Of config space what is read of it: the header, and of the capabilities those without a number of the card.
_HEADER = 64
_CONVENTIONAL = 256
_KEPT_CAPABILITIES = {0x01: 8, 0x0D: 8, 0x10: 60}  # power management, ids of a bridge's subsystem, PCI Express
_SERIAL_NUMBER = 0x0003
_CAPABILITY_LIST, _STATUS, _HAS_LIST = 0x34, 0x06, 0x10
_MOST = 960

_ARGUMENTS = re.compile(
    r"(?:intel_iommu|amd_iommu|iommu|iommu\.\w+|vfio[\w.-]*|vfio_pci[\w.]*|pci|pcie_\w+|intremap|noats|noxsave"
    r"|(?:default_)?hugepagesz?|(?:module_blacklist|modprobe\.blacklist|rd\.driver\.\w+)|\w+\.max_vfs)(?:=.*)?"
)
_PROCESSOR = re.compile(r"(?:vendor_id|flags|CPU implementer|isa|processor|model name)\s*:.*|.*(?:IBM/S390|POWER).*")
_UEVENT = ("PCI_", "MODALIAS=", "DRIVER=", "DEVTYPE=", "INTERFACE=", "IFINDEX=")
_VITAL = b"\x90"
_MANAGES_NVLINK = b"SW_MNG"


def kept(path: str, data: bytes, names: Same) -> bytes | None:
    """What a recording has of the file at a path (absolute, without links), None where that is nothing."""
    for pattern, keep in _BY_PATH:
        if fnmatch.fnmatchcase(path, pattern):
            return keep(data, names)
    keep_named = _BY_NAME.get(path.rpartition("/")[2])
    return None if keep_named is None else keep_named(data, names)


def _all(data: bytes, _names: Same) -> bytes:
    return data


def _text(data: bytes, names: Same) -> bytes:
    return names.text(data.decode("utf-8", "replace")).encode()


def _serial(data: bytes, names: Same) -> bytes:
    return names.serial(data.decode("utf-8", "replace").strip("\0 \t\r\n")).encode()


def _lines(fits: t.Callable[[str], object]) -> Keep:
    def keep(data: bytes, names: Same) -> bytes:
        lines = data.decode("utf-8", "replace").split("\n")
        return names.text("\n".join(filter(fits, lines))).encode()

    return keep


def _command_line(data: bytes, _names: Same) -> bytes:
    """What concerns devices and the IOMMU: a line also tells disks, servers and users."""
    words = data.decode("utf-8", "replace").split()
    return " ".join(word for word in words if _ARGUMENTS.fullmatch(word)).encode()


def _udev(data: bytes, names: Same) -> bytes:
    """The serial number of a disk, and the links to it."""
    told = []
    for line in data.decode("utf-8", "replace").split("\n"):
        if line.startswith("E:ID_SERIAL="):
            told.append("E:ID_SERIAL=" + names.serial(line[len("E:ID_SERIAL=") :]))
        elif line.startswith("S:"):
            folder, _slash, link = line[2:].rpartition("/")
            told.append(f"S:{folder}/{names.name('disk-link', link)}")
    return "\n".join(told).encode()


def _config(data: bytes, names: Same) -> bytes:
    """A configuration space with the capabilities that are read, and the serial number of PCI Express as another one.

    Registers of other capabilities may have anything, such as the last word that was read of the vital product data.
    """
    made = bytearray(data[:_HEADER])
    if len(data) < _CONVENTIONAL or made.strip(b"\xff") == b"":
        return bytes(made)
    made = made.ljust(_CONVENTIONAL, b"\0")
    if data[_STATUS] & _HAS_LIST:
        place, seen = data[_CAPABILITY_LIST] & 0xFC, 0
        while _HEADER <= place < _CONVENTIONAL - 1 and seen < 48:
            size = _KEPT_CAPABILITIES.get(data[place], 2)
            made[place : place + size] = data[place : min(place + size, _CONVENTIONAL)]
            place, seen = data[place + 1] & 0xFC, seen + 1
    return bytes(made[:_CONVENTIONAL]) + _extended(data, names)


def _extended(data: bytes, names: Same) -> bytes:
    """The one capability of the extended space that is read, put at its beginning; nothing without it."""
    place, seen = _CONVENTIONAL, 0
    while place + 12 <= len(data) and seen < _MOST:
        header = int.from_bytes(data[place : place + 4], "little")
        if header & 0xFFFF == _SERIAL_NUMBER:
            number = data[place + 4 : place + 12]
            told = "-".join(f"{byte:02x}" for byte in reversed(number))
            other = bytes.fromhex(names.serial(told).replace("-", ""))
            return (_SERIAL_NUMBER | 0x10000).to_bytes(4, "little") + bytes(reversed(other))
        place, seen = header >> 20 & 0xFFC, seen + 1
        if place < _CONVENTIONAL:
            break
    return b""


def vital_product_data(serial: str, *, manages_nvlink: bool = False) -> bytes:
    """Vital product data (PCI Local Bus 3.0, appendix I) that have a serial number and nothing else of the card."""
    fields = b""
    if serial:
        number = serial.encode("ascii", "replace")[:255]
        fields += b"SN" + bytes([len(number)]) + number
    if manages_nvlink:
        fields += b"V0" + bytes([len(_MANAGES_NVLINK)]) + _MANAGES_NVLINK
    return _VITAL + len(fields).to_bytes(2, "little") + fields + b"\x78" if fields else b""


def _page_80(data: bytes, names: Same) -> bytes:
    """The page of a SCSI device's serial number: four bytes, then that (SPC-4, 7.8.15)."""
    number = names.serial(data[4:].decode("ascii", "replace").strip("\0 ")).encode()
    return data[:2] + len(number).to_bytes(2, "big") + number


_SERIAL_FILES = "serial wwid wwn nguid uuid eui unique_id"
_PLAIN_FILES = (
    # of PCI functions
    "class vendor device subsystem_vendor subsystem_device revision modalias resource numa_node boot_vga reset_method "
    "sriov_numvfs sriov_totalvfs sriov_vf_device sriov_drivers_autoprobe sriov_offset sriov_stride current_link_speed "
    "current_link_width max_link_speed max_link_width d3cold_allowed driver_override current_vgpu_type "
    "resource0_resize resource1_resize resource2_resize resource3_resize resource4_resize resource5_resize "
    # of what they carry
    "operstate addr_assign_type size dev model firmware_rev available_instances busnum devnum idVendor idProduct "
    "bDeviceClass transport type description "
    # of the host
    "reserved_regions name online cpulist physical_package_id osrelease arch enable_unsafe_noiommu_mode "
    "disable_denylist sys_vendor"
)
_BY_NAME: dict[str, Keep] = {
    **dict.fromkeys(_PLAIN_FILES.split(), _all),
    **dict.fromkeys(_SERIAL_FILES.split(), _serial),
    "uevent": _lines(lambda line: line.startswith(_UEVENT)),
    "config": _config,
    "vpd": _all,  # made by vital_product_data
    "vpd_pg80": _page_80,
    "boot_id": _text,
}
_BY_PATH: tuple[tuple[str, Keep], ...] = (
    ("/sys/devices/*/net/*/address", _serial),
    ("/sys/bus/pci/slots/*/address", _all),
    ("/run/udev/data/b*", _udev),
    ("/proc/cmdline", _command_line),
    ("/proc/cpuinfo", _lines(_PROCESSOR.fullmatch)),
    ("/proc/device-tree/compatible", _all),
    ("/etc/machine-id", _all),  # made up by whoever records
    *((path, _lines(lambda line: not line or line.startswith(OWN_LINES))) for path in (RULES_PATH, NETWORK_PATH)),
    ("*/modules.alias", _all),
    ("*/modules.builtin.modinfo", _all),
    ("*/modules.dep", _lines(lambda line: "/vfio-pci.ko" in line)),
    ("*/modules.builtin", _lines(lambda line: "/vfio-pci.ko" in line)),
    ("*/config*-*", _lines(lambda line: line.startswith("CONFIG_INTEL_IOMMU"))),
    ("/boot/config-*", _lines(lambda line: line.startswith("CONFIG_INTEL_IOMMU"))),
    ("*/pci.ids", _all),
)
