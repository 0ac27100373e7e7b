# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what a request says of how the guest gets its devices."""

from __future__ import annotations

import re
import typing as t

from ..address import normalize_address
from ..errors import HostdevError
from ..values import check_keys, flag, number
from .guest_options import GuestOptions, Network

_ROM_KEYS = ("bar", "file")
_NETWORK_KEYS = ("mac", "vlan", "trust", "spoof_check")
_CODE = "invalid_request"

# VFIO drivers are named vfio-pci or like their modules (drivers/vfio/pci/*/): mlx5_vfio_pci.
_VFIO_DRIVER = re.compile(r"vfio-pci|[a-z0-9][a-z0-9_-]*[_-]vfio[_-]pci")
_LARGEST_VLAN = 4094


def parse_guest_options(entry: t.Mapping[str, t.Any], path: str, count: int) -> GuestOptions:
    """Read the keys of GUEST_KEYS from a request for `count` devices. Raises HostdevError with the option's path."""
    address = _address(entry.get("guest_address"), f"{path}.guest_address")
    rom = _mapping(entry.get("rom"), f"{path}.rom", _ROM_KEYS)
    network = _mapping(entry.get("network"), f"{path}.network", _NETWORK_KEYS)
    order = entry.get("boot_order")
    if order is not None:
        order = number(order, f"{path}.boot_order", "a place in the boot order, 1 or more", 1, _CODE)
    options = GuestOptions(
        address,
        _flag(rom, "bar", f"{path}.rom"),
        _rom_file(rom.get("file"), f"{path}.rom.file"),
        order,
        _driver(entry.get("driver"), f"{path}.driver"),
        _flag(entry, "managed", path),
        None if entry.get("network") is None else _network(network, f"{path}.network"),
    )
    single = (
        ("guest_address", options.address),
        ("boot_order", options.boot_order),
        ("network.mac", options.network.mac if options.network is not None else None),
    )
    for name, value in single:
        if value is not None and count != 1:
            raise _invalid(
                f"{path}.{name}", value, f"a request for one device, this one is for {count}: only one can have it"
            )
    return options


def _network(value: t.Mapping[str, t.Any], path: str) -> Network:
    mac, vlan = value.get("mac"), value.get("vlan")
    if mac is not None:
        mac = _mac(mac, f"{path}.mac")
    if vlan is not None:
        wanted = f"a VLAN's number, 1 to {_LARGEST_VLAN}"
        vlan = number(vlan, f"{path}.vlan", wanted, 1, _CODE)
        if vlan > _LARGEST_VLAN:
            raise _invalid(f"{path}.vlan", vlan, wanted)
    return Network(mac, vlan, _flag(value, "trust", path), _flag(value, "spoof_check", path))


def _mac(value: object, path: str) -> str:
    """A unicast address: the kernel refuses others, and all zeros mean that there is none."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if not re.fullmatch("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", text) or int(text[:2], 16) & 1 or not text.strip("0:"):
        from ..unquoted import and_quotes, mac_meant

        wrong = _invalid(path, value, "a unicast MAC address in quotes, such as 52:54:00:12:34:56")
        raise and_quotes(wrong, mac_meant(value))
    return text


def _address(value: object, path: str) -> str | None:
    if value is None:
        return None
    wanted = "a PCI address of the guest with domain 0000 and function 0, such as 0000:05:00.0"
    try:
        address = normalize_address(value)
    except ValueError as error:
        from ..unquoted import address_meant, and_quotes

        raise and_quotes(_invalid(path, value, wanted), address_meant(value)) from error
    if not address.startswith("0000:") or not address.endswith(".0"):
        raise _invalid(path, value, wanted)
    return address


def _driver(value: object, path: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _VFIO_DRIVER.fullmatch(value):
        raise _invalid(path, value, "a VFIO driver: vfio-pci, or a variant such as mlx5_vfio_pci")
    return value


def _rom_file(value: object, path: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise _invalid(path, value, "the absolute path of a ROM image on the host")
    return value


def _mapping(value: object, path: str, keys: t.Sequence[str]) -> t.Mapping[str, t.Any]:
    if value is None:
        return {}
    if not isinstance(value, t.Mapping):
        raise _invalid(path, value, "a mapping with some of " + ", ".join(keys))
    check_keys(value, keys, path, _CODE)
    return value


def _flag(entry: t.Mapping[str, t.Any], key: str, path: str) -> bool | None:
    if entry.get(key) is None:
        return None
    try:
        return flag(entry[key], f"{path}.{key}") == "true"
    except HostdevError as error:
        raise _invalid(f"{path}.{key}", entry[key], "true or false") from error


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError(_CODE, subject=path, found=f"found {value!r}", wanted=wanted)
