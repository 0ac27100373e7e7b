# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ip` of a host whose PFs' interfaces keep the settings of their VFs, with all the moods that drivers have."""

from __future__ import annotations

import errno
import json
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Answer
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import NO_MAC

FRESH: dict[str, t.Any] = {
    "mac": NO_MAC,
    "vlan": 0,
    "qos": 0,
    "vlan_protocol": "802.1Q",
    "min_tx_rate": 0,
    "max_tx_rate": 0,
    "spoof_check": True,
    "trust": False,
    "link_state": "auto",
}

# What iproute2 prints after "RTNETLINK answers: ".
_WORDS = {
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.EBUSY: "Device or resource busy",
    errno.EINVAL: "Invalid argument",
    errno.ENODEV: "No such device",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EPERM: "Operation not permitted",
    errno.EPROTONOSUPPORT: "Protocol not supported",
}
_FLAGS = {"spoofchk": "spoof_check", "trust": "trust", "query_rss": "query_rss"}
_OTHERS = {"mac": "mac", "vlan": "vlan", "qos": "qos", "proto": "vlan_protocol", "state": "link_state"}
_RATES = ("min_tx_rate", "max_tx_rate")


def refusal(number: int) -> Answer:
    return Answer(2, "", f"RTNETLINK answers: {_WORDS[number]}")


class FakeIp:
    """`ip`, and the kernel with the PFs' interfaces behind it. `log` has every setting that was to be made."""

    def __init__(self, interface: str, vfs: int) -> None:
        self.log: list[str] = []
        self.interface = interface
        self.online = True
        self.mtu = 1500
        self.others: Path | None = None
        """Where the interfaces are that other functions have: /sys/class/net."""
        self.eswitch: str | None = None
        """The mode of the PF's e-switch, None of one without, as igb has."""
        self.settings = {interface: {number: dict(FRESH) for number in range(vfs)}}
        self.hardware: dict[int, bool] = {}
        """What igb checks, whatever it shows."""

        self.refused: dict[str, int] = {}
        """Settings that the driver refuses, with the errno."""
        self.untold: set[str] = set()
        """Settings of which the driver tells nothing: `ip` leaves out their keys."""
        self.hidden: dict[int, int] = {}
        """VFs that are left out of the next readings, so many of them, and refuse all meanwhile. A setting that is
        tried takes as long as a reading."""
        self.busy: list[int] = []
        """The errnos by which the next settings are refused, 0 for one that is not."""
        self.resetting: dict[str, int] = {}
        """Settings that reset the VF, which is hidden for so many readings, and refuses all until then."""
        self.shown_most = 1 << 16
        """More VFs than these are cut from the list."""
        self.keeps_rates = False
        """qede ignores rate 0."""
        self.stubborn: set[str] = set()
        """Settings that are taken, and not followed."""
        self.restless: dict[int, str] = {}
        """MAC addresses that guests give their VFs as soon as they may."""
        self.late: dict[str, int] = {}
        """Settings that show only after so many readings."""
        self.hangs: str | None = None
        """Commands with this word get no answer."""
        self.readings = 0
        self._later: list[tuple[int, dict[str, t.Any], str, t.Any]] = []

    def __call__(self, words: t.Sequence[str]) -> Answer:
        if self.hangs is not None and self.hangs in words:
            raise TimeoutError(f"process 4711, in state D has been running ip {' '.join(words)} for 20 s")
        if "show" in words:
            assert list(words[:-1]) == ["-j", "-d", "link", "show", "dev"], "a dump may be interrupted"
            return self._show(words[-1])
        assert list(words[:3]) == ["link", "set", "dev"]
        if words[4] != "vf":
            return self._set_link(words[3], *words[4:])
        return self._set(words[3], int(words[5]), list(words[6:]))

    def _show(self, interface: str) -> Answer:
        self.readings += 1
        if interface not in self.settings:
            return Answer(1, "", f'Device "{interface}" does not exist.')
        self._do_late()
        vfs = {number: vf for number, vf in self.settings[interface].items() if not self._hides(number)}
        infos = [self._info(number, vf) for number, vf in list(vfs.items())[: self.shown_most]]
        link = {
            "ifindex": 2,
            "ifname": interface,
            "flags": ["BROADCAST", "MULTICAST", *(["UP"] if self.online else [])],
            "mtu": self.mtu,
            "address": "52:54:00:aa:bb:01",
            "vfinfo_list": infos,
        }
        # Some releases print an empty one for each interface that was not asked about.
        return Answer(0, json.dumps([{}, link]), "" if len(infos) == len(vfs) else "Truncated VF list: " + interface)

    def _hides(self, number: int) -> bool:
        left = self.hidden.get(number, 0)
        if left:
            self.hidden[number] = left - 1
        return bool(left)

    def _do_late(self) -> None:
        waiting, self._later = self._later, []
        for readings, vf, name, value in waiting:
            if readings:
                self._later.append((readings - 1, vf, name, value))
            else:
                vf[name] = value

    def _info(self, number: int, vf: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        told = {name: value for name, value in vf.items() if name not in self.untold}
        vlan = {"vlan": vf["vlan"], "qos": vf["qos"]}
        tagged = {name: value for name, value in vlan.items() if value}
        if vf["vlan_protocol"] != "802.1Q":
            tagged["protocol"] = vf["vlan_protocol"]
        info = {
            "vf": number,
            "link_type": "ether",
            "address": vf["mac"],
            "broadcast": "ff:ff:ff:ff:ff:ff",
            "vlan_list": [tagged],
            "rate": {"max_tx": vf["max_tx_rate"], "min_tx": vf["min_tx_rate"]},
            **({"tx_rate": vf["max_tx_rate"]} if vf["max_tx_rate"] else {}),
            "link_state": vf["link_state"],
        }
        flags = {"spoofchk": "spoof_check", "trust": "trust", "query_rss_en": "query_rss"}
        return {**info, **{key: told[name] for key, name in flags.items() if name in told}}

    def _set(self, interface: str, number: int, words: list[str]) -> Answer:
        self.log.append(f"{interface} vf {number} {' '.join(words)}")
        settings = self._parsed(words)
        if settings.get("vlan", 0) > 4095:
            return Answer(255, "", f'Error: argument "{settings["vlan"]}" is wrong: invalid "vlan" value')
        if settings.get("max_tx_rate") and settings.get("min_tx_rate", 0) > settings["max_tx_rate"]:
            return Answer(1, "", "Invalid min_tx_rate, it exceeds max_tx_rate.")
        if interface not in self.settings:
            return Answer(1, "", f'Cannot find device "{interface}"')
        if self.busy and (busy := self.busy.pop(0)):
            return refusal(busy)
        if self._hides(number):
            return refusal(errno.EAGAIN)
        if number not in self.settings[interface]:
            return refusal(errno.EINVAL)
        for name in settings:
            if name in self.refused and (name not in _RATES or settings[name]):
                return refusal(self.refused[name])
        self._keep(self.settings[interface][number], number, settings)
        return Answer(0)

    def _parsed(self, words: list[str]) -> dict[str, t.Any]:
        settings: dict[str, t.Any] = {}
        for word, value in zip(words[::2], words[1::2]):
            if word in _FLAGS:
                settings[_FLAGS[word]] = {"on": True, "off": False}[value]
            elif word in _OTHERS:
                settings[_OTHERS[word]] = int(value) if word in ("vlan", "qos") else value
            else:
                assert word in _RATES, word
                settings[word] = int(value)
        if "vlan" in settings:
            settings = {"qos": 0, "vlan_protocol": "802.1Q", **settings}
        assert len({"vlan" if name in ("qos", "vlan_protocol") else name for name in settings} - {_RATES[0]}) == 1, (
            "one setting a command"
        )
        return settings

    def _keep(self, vf: dict[str, t.Any], number: int, settings: t.Mapping[str, t.Any]) -> None:
        for name, value in settings.items():
            if name == "spoof_check":
                self.hardware[number] = value
            if name in self.resetting:
                self.hidden[number] = self.resetting[name]
            if name in self.stubborn or (self.keeps_rates and name in _RATES and value == 0):
                continue
            if name in self.late:
                self._later.append((self.late[name], vf, name, value))
            else:
                vf[name] = value
        if vf["trust"] and number in self.restless:
            vf["mac"] = self.restless[number]

    def _set_link(self, interface: str, word: str, value: str = "") -> Answer:
        self.log.append(f"{interface} {word} {value}".rstrip())
        if word in self.refused:
            return refusal(self.refused[word])
        if interface not in self.settings:
            if self.others is None or not (self.others / interface / word).exists():
                return Answer(1, "", f'Cannot find device "{interface}"')
            (self.others / interface / word).write_text(f"{value}\n")
            return Answer(0)
        if word == "mtu":
            self.mtu = int(value)
        else:
            self.online = {"up": True, "down": False}[word]
        self.restart_pf()
        return Answer(0)

    def devlink(self, words: t.Sequence[str]) -> Answer:
        """`devlink`, which igb and NVMe have no device for."""
        pf = next(word for word in words if word.startswith("pci/"))
        if self.eswitch is None:
            return Answer(1, "", "devlink answers: No such device")
        if "set" in words:
            if "eswitch" in self.refused:
                return Answer(1, "", "devlink answers: Operation not supported")
            self.eswitch = words[-1]
            return Answer(0)
        return Answer(0, json.dumps({"dev": {pf: {"mode": self.eswitch, "inline-mode": "none"}}}))

    def make_vfs(self, number: int) -> None:
        """The kernel has made so many, or removed all: nothing is left of what was set."""
        for interface in self.settings:
            self.settings[interface] = {vf: dict(FRESH) for vf in range(number)}
        self.hardware = dict.fromkeys(range(number), True)

    def memory(self) -> tuple[t.Any, ...]:
        return self.settings, self.hardware, self.online, self.mtu, self.eswitch

    def restore(self, memory: tuple[t.Any, ...]) -> None:
        self.settings, self.hardware, self.online, self.mtu, self.eswitch = memory

    def restart_pf(self) -> None:
        """The PF goes down and up: igb's hardware checks all VFs again, and shows what it showed."""
        for vfs in self.settings.values():
            self.hardware.update(dict.fromkeys(vfs, True))

    def is_up(self, interface: str) -> bool:
        assert interface in self.settings
        return self.online

    def reboot(self) -> None:
        self.online, self.mtu = True, 1500
        self.make_vfs(4)

    def picture(self) -> dict[str, str]:
        """The settings, beside the tree's files."""
        own = {"ip link": f"up {self.online} mtu {self.mtu} e-switch {self.eswitch}"}
        return own | {
            f"ip link: {interface} vf {number}": str(sorted(vf.items()))
            for interface, vfs in self.settings.items()
            for number, vf in vfs.items()
        }
