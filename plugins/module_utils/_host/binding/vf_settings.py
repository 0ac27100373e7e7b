# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust and spoof check of VFs, read and set through the interface of their PF (net/core/rtnetlink.c)."""

from __future__ import annotations

import errno
import struct
import typing as t

from ..._model.errors import HostdevError
from ..._model.host.vf_state import VfState
from ..netlink import IFLA_IFNAME, LINK, RTM_GETLINK, ask, attribute, attributes
from ..reading.pci import DEVICES

if t.TYPE_CHECKING:
    from ..._model.host.inventory import Inventory
    from ..._model.plan.steps import VfSettingsStep
    from ..sysfs import Tree

# include/uapi/linux/rtnetlink.h, include/uapi/linux/if_link.h
_RTM_SETLINK = 19
_IFF_UP = 1
_RTEXT_FILTER_VF = 1
_RTEXT_FILTER_SKIP_STATS = 8
_IFLA_VFINFO_LIST = 22
_IFLA_EXT_MASK = 29
_IFLA_VF_INFO = 1
_SETTINGS = {"spoof_check": 4, "trust": 9}  # IFLA_VF_SPOOFCHK, IFLA_VF_TRUST
_PAIR = struct.Struct("=II")  # ifla_vf_spoofchk, ifla_vf_trust: number of the VF, setting
_UNKNOWN = 0xFFFFFFFF  # what the kernel says for a setting of which the driver says nothing

_WHY = {
    errno.EOPNOTSUPP: "the driver of the physical function can't set it",
    errno.EPERM: "not permitted: not root, or without CAP_NET_ADMIN",
    errno.EINVAL: "the driver does not accept it for this VF",
    errno.EBUSY: "the physical function is busy, it may be resetting",
}

Settings = t.Mapping[str, t.Optional[bool]]


class Interfaces(t.Protocol):
    """Interfaces of PFs. All raise OSError with the kernel's errno."""

    def read(self, interface: str) -> dict[int, Settings]:
        """The settings of the interface's VFs by their numbers; None where the driver does not tell."""

    def is_up(self, interface: str) -> bool:
        """Whether the interface is up, with a cable or without."""

    def write(self, interface: str, index: int, name: str, value: bool) -> None:
        """Change one setting of one VF."""


class KernelInterfaces:
    """The interfaces of the running kernel."""

    def read(self, interface: str) -> dict[int, Settings]:
        mask = struct.pack("=I", _RTEXT_FILTER_VF | _RTEXT_FILTER_SKIP_STATS)
        settings: dict[int, Settings] = {}
        for body in ask(RTM_GETLINK, _named(interface) + attribute(_IFLA_EXT_MASK, mask)):
            for kind, content in attributes(body[LINK.size :]):
                if kind == _IFLA_VFINFO_LIST:
                    settings.update(_settings(content))
        return settings

    def is_up(self, interface: str) -> bool:
        return any(LINK.unpack_from(body)[3] & _IFF_UP for body in ask(RTM_GETLINK, _named(interface)))

    def write(self, interface: str, index: int, name: str, value: bool) -> None:
        setting = attribute(_SETTINGS[name], _PAIR.pack(index, value))
        ask(_RTM_SETLINK, _named(interface) + attribute(_IFLA_VFINFO_LIST, attribute(_IFLA_VF_INFO, setting)))


class VfSettings:
    """Reads and sets what PFs have of their VFs; `tree` tells which interfaces the PFs have."""

    def __init__(self, tree: Tree, interfaces: Interfaces) -> None:
        self._tree = tree
        self._interfaces = interfaces

    def states(self, inventory: Inventory, addresses: t.Iterable[str]) -> dict[str, VfState]:
        """The state of those addresses that are VFs of this host. Raises HostdevError where it can't be read."""
        states = {}
        for address in addresses:
            device = inventory.devices.get(address)
            pf = None if device is None or device.physical_function is None else device.physical_function
            if pf is not None and pf in inventory.devices:
                index = inventory.devices[pf].virtual_functions.index(address)
                settings, interface = self._read(address, pf, index), self._interface(address, pf)
                states[address] = VfState(pf, index, settings, interface, self._interfaces.is_up(interface))
        return states

    def apply(self, step: VfSettingsStep) -> None:
        """Bring the VF's settings to the step's `after`, one after the other, and see that they are so.

        Does nothing where that is so already. Raises HostdevError, with some of them set perhaps: the step's inverse
        puts back those.
        """
        interface = self._interface(step.address, step.pf)
        there = self._tree.link_name(f"{DEVICES}/{step.pf}/virtfn{step.index}")
        if there != step.address:
            # Not what the VF had when the step was planned, or not what was planned: another VF's settings are others'.
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{step.address}, VF {step.index} of {step.pf}",
                found=f"VF {step.index} of {step.pf} is {there or 'not there'}",
                wanted=step.address,
                remedy=f"see ls -l /sys/bus/pci/devices/{step.pf}/virtfn* on the host",
            )
        present = self._read(step.address, step.pf, step.index)
        for name, value in step.after.items():
            if present.get(name) == value:
                continue
            try:
                self._interfaces.write(interface, step.index, name, value)
            except OSError as error:
                why = _WHY.get(error.errno or 0, "see dmesg")
                raise _failed(
                    step, name, f"the kernel refused it: {error.strerror} (errno {error.errno}): {why}"
                ) from error
            if self._read(step.address, step.pf, step.index).get(name) != value:
                raise _failed(step, name, "the kernel took it, but the driver shows it unchanged")

    def _read(self, address: str, pf: str, index: int) -> Settings:
        interface = self._interface(address, pf)
        try:
            settings = self._interfaces.read(interface).get(index)
        except OSError as error:
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{address}, VF {index} of {pf} ({interface})",
                found=f"the kernel does not tell its settings: {error.strerror} (errno {error.errno})",
                wanted="its settings as they are now, to put them back later",
                remedy=f"see ip link show {interface} on the host",
            ) from error
        if settings is None:
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{address}, VF {index} of {pf} ({interface})",
                found="the driver of the physical function does not show it",
                wanted="its settings as they are now, to put them back later",
                remedy=f"see ip link show {interface} on the host, which should have 'vf {index}'",
            )
        return settings

    def _interface(self, address: str, pf: str) -> str:
        names = self._tree.names(f"{DEVICES}/{pf}/net")
        if not names:
            raise HostdevError(
                "vf_setting_failed",
                subject=f"{address}, a VF of {pf}",
                found=f"{pf} has no network interface on the host",
                wanted="one: network settings of a VF are set through that of its physical function",
                remedy=f"bind {pf} to its network driver, or take network out of the request",
            )
        return sorted(names)[0]


def _named(interface: str) -> bytes:
    """The kernel finds an interface by its name where its number is 0."""
    return LINK.pack(0, 0, 0, 0, 0) + attribute(IFLA_IFNAME, interface.encode() + b"\0")


def _settings(vf_list: bytes) -> t.Iterator[tuple[int, Settings]]:
    for _kind, info in attributes(vf_list):
        attribute_by_kind = dict(attributes(info))
        values: dict[str, bool | None] = {}
        index = -1
        for name, kind in _SETTINGS.items():
            if kind in attribute_by_kind:
                index, value = _PAIR.unpack_from(attribute_by_kind[kind])
                values[name] = None if value == _UNKNOWN else bool(value)
        if index >= 0:
            yield index, values


def _failed(step: VfSettingsStep, name: str, problem: str) -> HostdevError:
    value = "on" if step.after[name] else "off"
    return HostdevError(
        "vf_setting_failed",
        subject=f"{name} of {step.address}, VF {step.index} of {step.pf}",
        found=problem,
        wanted=f"{name} {value}",
        remedy=f"take network.{name} out of the request, or see dmesg for what the driver of {step.pf} says",
    )
