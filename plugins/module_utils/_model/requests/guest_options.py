# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request says of how the guest gets its devices: the place, the ROM, the boot order, the VF's network."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from .. import forms
from ..address import normalize_address
from ..errors import HostdevError
from ..values import check_keys, flag, number

GUEST_KEYS = ("guest_address", "rom", "boot_order", "driver", "managed", "network")
_ROM_KEYS = ("bar", "file")
_NETWORK_KEYS = ("mac", "vlan", "trust", "spoof_check")
_CODE = "invalid_request"

# VFIO drivers are named vfio-pci or like their modules (drivers/vfio/pci/*/): mlx5_vfio_pci.
_VFIO_DRIVER = re.compile(r"vfio-pci|[a-z0-9][a-z0-9_-]*[_-]vfio[_-]pci")
_LARGEST_VLAN = 4094

SETTINGS_FORM = forms.mapping({}, {"trust": forms.flag, "spoof_check": forms.flag})
"""Of what Network.settings gives."""


@dataclass(frozen=True)
class Network:
    """A VF's network settings; None is left as it is. `trust` and `spoof_check` are set through the PF."""

    mac: str | None = None
    vlan: int | None = None
    trust: bool | None = None
    spoof_check: bool | None = None

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {}, {"mac": forms.text, "vlan": forms.number(1), "trust": forms.flag, "spoof_check": forms.flag}
    )

    def settings(self) -> dict[str, bool]:
        """What is set through the PF by this collection; MAC and VLAN are libvirt's work."""
        pairs = (("trust", self.trust), ("spoof_check", self.spoof_check))
        return {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True)
class GuestOptions:
    """How the guest gets the devices of one request; None is left to libvirt or to the module's options.

    `address` is where the guest sees the device, `driver` the VFIO driver that the host binds it to.
    """

    address: str | None = None
    rom_bar: bool | None = None
    rom_file: str | None = None
    boot_order: int | None = None
    driver: str | None = None
    managed: bool | None = None
    network: Network | None = None

    # Of the keys of a request that they are written as; what the values may be parse_guest_options knows.
    FORMS: t.ClassVar[t.Mapping[str, forms.Check]] = {
        "guest_address": forms.address,
        "rom": forms.mapping({}, {"bar": forms.flag, "file": forms.text}),
        "boot_order": forms.number(1),
        "driver": forms.text,
        "managed": forms.flag,
        "network": Network.FORM,
    }

    def in_xml(self) -> GuestOptions:
        """What of them is written into the domain's XML."""
        network = self.network
        return self if network is None else replace(self, network=replace(network, trust=None, spoof_check=None))

    def as_dict(self) -> dict[str, t.Any]:
        """The keys of a request that were given."""
        rom = {"bar": self.rom_bar, "file": self.rom_file}
        network = None if self.network is None else dict(vars(self.network))
        written = {
            "guest_address": self.address,
            "rom": _given(rom) or None,
            "boot_order": self.boot_order,
            "driver": self.driver,
            "managed": self.managed,
            "network": None if network is None else _given(network),
        }
        return _given(written)


NO_OPTIONS = GuestOptions()


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
        raise _invalid(path, value, "a unicast MAC address in quotes, such as 52:54:00:12:34:56")
    return text


def _address(value: object, path: str) -> str | None:
    if value is None:
        return None
    wanted = "a PCI address of the guest with domain 0000 and function 0, such as 0000:05:00.0"
    try:
        address = normalize_address(value)
    except ValueError as error:
        raise _invalid(path, value, wanted) from error
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


def _given(values: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in values.items() if value is not None}


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError(_CODE, subject=path, found=f"found {value!r}", wanted=wanted)
