# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake host that is started anew, with what may have become of its cards meanwhile, and brought back."""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
import os
import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import machine_id
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.boot import Restore
from ansible_collections.kvm.hostdev.plugins.module_utils._host.restore.standing_record import StandingRecord
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.rules import rules
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost, entries
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries, without

_BUS = re.compile(r"\b0000:([0-9a-f]{2})(?=[:/]|$)")
_HEADER_TYPE = 0x0E
_BUS_NUMBERS = (0x18, 0x19, 0x1A)  # of a bridge: the one above, the first and the last one below


class Reboots:
    """Starts a host anew, again and again; buses and cards are named as they were recorded."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self._number = itertools.count(2)
        self._at = {address: address for address in os.listdir(host.root / "sys/bus/pci/devices")}

    def now(self, address: str) -> str:
        """Where a function is now that was recorded at an address."""
        return self._at[address]

    def start(
        self,
        buses: t.Mapping[str, str] | None = None,
        *,
        ports: t.Mapping[str, str] | None = None,
        gone: t.Sequence[str] = (),
        files: t.Mapping[str, str] | None = None,
        kept_off: bool = True,
    ) -> None:
        """Start it with these numbers for buses, without cards that are `gone`, and with `files` of other content.

        `ports` are root ports by those in whose places they are: what is behind these has come to another slot.
        Nobody has made VFs yet. With `kept_off` functions have no driver that the rules on it keep the drivers off.
        """
        host, buses, files = self._host, buses or {}, files or {}
        at = {address: _renumbered(address, buses) for address in self._at}
        moved = {self._at[address]: now for address, now in at.items()}
        host.reboot(_laid_out(_behind(without(entries(), *gone), ports or {}), buses), moved)
        self._at = at
        host.write("/proc/sys/kernel/random/boot_id", f"boot-{next(self._number)}\n")
        if host.igb_pf in os.listdir(host.root / "sys/bus/pci/devices"):
            host.kernel.store(f"/sys/bus/pci/devices/{host.igb_pf}/sriov_numvfs", "0")
        host.links.online = False
        for path, text in files.items():
            for local in host.root.glob(path.lstrip("/")):
                local.write_text(text)
        if kept_off:
            self._keep_off()
        host.kernel.log.clear()
        host.links.log.clear()

    def _keep_off(self) -> None:
        """What udev does by the rules that the record asks for."""
        host = self._host
        try:
            text = rules(host.file.read(machine_id(host.tree)).tracker) or ""
        except HostdevError:
            return
        for address in os.listdir(host.root / "sys/bus/pci/devices"):
            folder = host.root / "sys/bus/pci/devices" / address
            matching = [line for line in text.splitlines() if not line.startswith("#") and _fits(line, host, address)]
            if matching and not (folder / "physfn").exists():
                driver = host.kernel.driver(address)
                if driver is not None:
                    host.kernel.store(f"/sys/bus/pci/drivers/{driver}/unbind", address)
                wanted = re.search(r'ATTR\{driver_override\}="([^"]+)"', matching[0])
                assert wanted is not None
                host.kernel.store(f"/sys/bus/pci/devices/{address}/driver_override", wanted.group(1))


def _fits(rule: str, host: FakeHost, address: str) -> bool:
    folder = host.root / "sys/bus/pci/devices" / address
    path = os.path.realpath(folder)[len(str(host.root)) + len("/sys") :]
    devpath = re.search(r'DEVPATH=="([^"]+)"', rule)
    known = re.findall(r'ATTR\{(\w+)\}=="([^"]+)"', rule)
    assert devpath is not None
    return fnmatch.fnmatchcase(path, devpath.group(1)) and all(
        (folder / name).read_text().strip() == value for name, value in known
    )


def _behind(laid_out: Entries, ports: t.Mapping[str, str]) -> Entries:
    for was, now in ports.items():
        laid_out = {
            path.replace(was, now): {
                key: value.replace(was, now) if isinstance(value, str) else value for key, value in entry.items()
            }
            for path, entry in laid_out.items()
        }
    return laid_out


def _laid_out(laid_out: Entries, buses: t.Mapping[str, str]) -> Entries:
    return {_renumbered(path, buses): _entry(path, entry, buses) for path, entry in laid_out.items()}


def _entry(path: str, entry: dict[str, t.Any], buses: t.Mapping[str, str]) -> dict[str, t.Any]:
    if path.endswith("/config") and bytes.fromhex(entry.get("hex", ""))[_HEADER_TYPE : _HEADER_TYPE + 1] == b"\x01":
        config = bytearray.fromhex(entry["hex"])
        for register in _BUS_NUMBERS:
            number = f"{config[register]:02x}"
            config[register] = int(buses.get(number, number), 16)
        return {**entry, "hex": config.hex()}
    return {key: _renumbered(text, buses) if key in ("link", "file") else text for key, text in entry.items()}


def _renumbered(text: str, buses: t.Mapping[str, str]) -> str:
    return _BUS.sub(lambda found: f"0000:{buses.get(found.group(1), found.group(1))}", text) if buses else text


def restored(host: FakeHost) -> Restore:
    """What the unit does at the start of the host, where nothing is waited for."""
    system = dataclasses.replace(host.system, domains=None)
    restore = Restore(system, standing(host), driver_seconds=0, device_seconds=0)
    restore.run()
    return restore


def standing(host: FakeHost) -> StandingRecord:
    """The host's record as the start of the host takes it."""
    return StandingRecord(os.path.dirname(host.file.path))


def reasons(restore: Restore) -> dict[str, str]:
    """Why not, by address."""
    return {failure.address: failure.error.message for failure in restore.failed}
