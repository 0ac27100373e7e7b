# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked for of PFs: which ones, how many VFs, and what is set for these."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .. import values
from ..errors import HostdevError
from .settings import NAMES, parse_settings

if t.TYPE_CHECKING:
    from ..requests.specs.device_spec import DeviceSpec
    from .settings import Settings

MAX = "max"
_VF_KEYS = ("vf", *NAMES)
_VLAN = ("vlan", "qos", "vlan_protocol")


@dataclass(frozen=True)
class VfsWish:
    """The VFs of each PF that `specs` fit; `where` is the option that they come from, for errors.

    `number` is None for as many as the PF can have. `absent` gives everything back as it was. `every` is set for all
    VFs, `vfs` for one by its number, over that. What is None is left as it is: `eswitch`, `mtu`, which is the least
    that the PF shall have. `allow` are the blocker codes that are accepted of the PF. `persist` says whether the VFs
    come back when the host is started anew.
    """

    specs: tuple[DeviceSpec, ...]
    where: str
    number: int | None = None
    absent: bool = False
    every: Settings = field(default_factory=dict)
    vfs: t.Mapping[int, Settings] = field(default_factory=dict)
    autoprobe: bool = False
    mtu: int | None = None
    eswitch: str | None = None
    take_over: bool = False
    allow: frozenset[str] = frozenset()
    persist: bool = False

    def settings_of(self, vf: int) -> dict[str, t.Any]:
        """What is asked for of one VF."""
        return {**self.every, **self.vfs.get(vf, {})}

    @property
    def highest(self) -> int:
        """The highest number of a VF of which something is asked, -1 where none is named."""
        return max(self.vfs, default=-1)


def parse_number(value: object) -> int | None:
    """A number of VFs, None for `max`. Raises HostdevError."""
    if isinstance(value, str) and value.strip().lower() == MAX:
        return None
    return values.number(value, "number", f"a number of VFs, 0 or more, or {MAX}", 0, "invalid_option")


def parse_vfs(
    entries: t.Sequence[t.Mapping[t.Any, object]], number: int | None, every: Settings | None = None
) -> dict[int, Settings]:
    """Settings by the VF's number, over `every`, those of all. Raises HostdevError.

    So it does for a VF that is there twice, or is none of so many.
    """
    vfs: dict[int, Settings] = {}
    places: dict[int, str] = {}
    for index, entry in enumerate(entries):
        path = f"vfs[{index}]"
        values.check_keys(entry, _VF_KEYS, path, "invalid_option")
        vf = values.number(entry.get("vf"), f"{path}.vf", "the number of a VF, 0 for the first", 0, "invalid_option")
        if vf in vfs:
            raise HostdevError(
                "invalid_option",
                subject=f"{path}.vf",
                found=f"found VF {vf} here and in {places[vf]}",
                wanted="each VF once",
                remedy=f"put the settings of VF {vf} into one entry",
            )
        if number is not None and vf >= number:
            raise HostdevError(
                "invalid_option",
                subject=f"{path}.vf",
                found=f"found VF {vf}, and number: {number}",
                wanted=f"a VF from 0 to {number - 1}" if number else "no VF, since there shall be none",
                remedy=f"set number to {vf + 1} or more, or take {path} out",
            )
        given = {key: value for key, value in entry.items() if key != "vf" and value is not None}
        vfs[vf], places[vf] = parse_settings({**_vlan_of(every or {}, given), **given}, path), path
    _check_macs(vfs, places)
    return vfs


def _vlan_of(every: Settings, given: t.Mapping[t.Any, object]) -> Settings:
    """What an entry about its VF's VLAN leaves out of the three that the kernel takes together, if it takes one."""
    if str(given.get("vlan")) == "0" or not given.keys() & _VLAN:
        return {}
    return {name: every[name] for name in _VLAN if name in every}


def _check_macs(vfs: t.Mapping[int, Settings], places: t.Mapping[int, str]) -> None:
    """Two VFs of one card with one address take each other's frames."""
    seen: dict[str, int] = {}
    for vf, settings in vfs.items():
        mac = settings.get("mac")
        if mac is None or not mac.strip("0:"):
            continue
        if mac in seen:
            raise HostdevError(
                "invalid_option",
                subject=f"{places[vf]}.mac",
                found=f"found {mac} here and in {places[seen[mac]]}",
                wanted="an address of its own for each VF",
            )
        seen[mac] = vf
