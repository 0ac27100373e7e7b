# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a request says of how the guest gets its devices: the place, the ROM, the boot order, the VF's network."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .. import forms

GUEST_KEYS = ("guest_address", "rom", "boot_order", "driver", "managed", "network")

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

    # Of the keys of a request that they are written as; what the values may be guest_values knows.
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


def _given(values: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in values.items() if value is not None}
