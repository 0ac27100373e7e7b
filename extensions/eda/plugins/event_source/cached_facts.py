# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source of ansible-rulebook: hosts' states from a folder of cached facts.

One file without imports of ours, since ansible-rulebook runs it by its path. It never returns, which would end the
rulebook: what goes wrong is logged and tried again, later each time.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import typing as t

DOCUMENTATION = r"""
short_description: Post the states of hosts from cached facts
description:
  - Reads a folder of Ansible's fact cache C(ansible.builtin.jsonfile) at intervals, and posts the state of each host
    whose facts C(kvm.hostdev.pci_facts) has gathered. It is for hosts on which no unit may run.
  - The messages have the same form as those that hosts post with C(kvm.hostdev.host_events), so that one rulebook
    serves both. A host whose facts are old is C(silent).
  - Reads the files of every version of ansible-core, C(HOST) up to 2.18 and C(s1_HOST) from 2.19 on. If both exist, the
    newer one is used. If the cache has a prefix (C(fact_caching_prefix)), set O(prefix) to it.
options:
  path:
    description: The folder of the cache (C(fact_caching_connection)).
    type: str
    required: true
  every:
    description: How many seconds pass between two readings.
    type: int
    default: 300
  silent_after:
    description: After how many seconds without new facts a host is silent.
    type: int
    default: 86400
  prefix:
    description: The text that stands before the host's name in the names of the files.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Tell of hosts that have drifted, by the facts of the last night
  hosts: all
  sources:
    - name: Cached facts
      kvm.hostdev.cached_facts:
        path: /var/cache/ansible/facts
        every: 600
        silent_after: 90000
  rules:
    - name: Drift
      condition: event.payload.differs
      action:
        print_event:
"""

_LOG = logging.getLogger(__name__)
_FORM = 1
_MOST = 200
_LARGEST = 1 << 26
_LONGEST_PAUSE = 3600
_REMEMBERED = 86400
_SCHEMA = "s1_"
_TOLD = ("address", "vendor_id", "product_id", "class")
_LISTS = ("drift", "set_aside", "lost", "new", "overdue")
_OTHER_FORM = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)
"""What reading a text or a value ends in that is not of the form of facts."""


async def main(queue: asyncio.Queue[dict[str, t.Any]], args: dict[str, t.Any]) -> None:
    """Put an event for each host into the queue, again and again."""
    every = max(1, int(args.get("every", 300)))
    cache = CachedFacts(str(args["path"]), int(args.get("silent_after", 86400)), every, str(args.get("prefix") or ""))
    pause = every
    while True:
        try:
            messages = await asyncio.to_thread(cache.look, datetime.datetime.now(datetime.timezone.utc).timestamp())
            pause = every
        except OSError as error:
            _LOG.error("cached_facts: %s", error)
            messages, pause = [], min(2 * pause, _LONGEST_PAUSE)
        for message in messages:
            await queue.put({"payload": message, "meta": {"hosts": message["host"]}})
        await asyncio.sleep(pause)


class CachedFacts:
    """A folder of cached facts, with what was in it when it was looked at before."""

    def __init__(self, path: str, silent_after: int, every: int, prefix: str = "") -> None:
        self._path = path
        self._silent_after = silent_after
        self._every = every
        self._prefix = prefix
        self._read: dict[str, tuple[tuple[int, int], dict[str, t.Any] | None]] = {}
        self._seen: dict[str, Devices] = {}

    def look(self, now: float) -> list[dict[str, t.Any]]:
        """The messages of all hosts, by their names. Raises OSError where the folder can't be read."""
        found: dict[str, os.DirEntry[str]] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                host = self._host(entry.name)
                if host and entry.is_file() and (host not in found or _time(entry) > _time(found[host])):
                    found[host] = entry
        paths = {entry.path for entry in found.values()}
        self._read = {path: read for path, read in self._read.items() if path in paths}
        messages = []
        for host, entry in sorted(found.items()):
            try:
                facts = self._facts(entry)
                if facts is not None:
                    messages.append(self._message(host, facts, entry.stat().st_mtime, now))
            # It was replaced meanwhile, and the next look finds the new one; or one host's facts are of another form,
            # which is no reason to tell nothing of the others.
            except (OSError, *_OTHER_FORM) as error:
                _LOG.warning("cached_facts: %s: %s", entry.path, error)
        return messages

    def _host(self, name: str) -> str:
        """The host whose facts a file has; nothing of what is no host's."""
        if name.startswith(".") or not name.startswith(self._prefix):
            return ""
        return name[len(self._prefix) :].removeprefix(_SCHEMA)

    def _facts(self, entry: os.DirEntry[str]) -> dict[str, t.Any] | None:
        """What pci_facts has gathered; None where it has not. A file that is as it was is not read again."""
        status = entry.stat()
        key = (status.st_mtime_ns, status.st_size)
        if self._read.get(entry.path, (None,))[0] != key:
            self._read[entry.path] = (key, _hostdev(entry.path) if status.st_size <= _LARGEST else None)
        return self._read[entry.path][1]

    def _message(self, host: str, facts: dict[str, t.Any], changed: float, now: float) -> dict[str, t.Any]:
        about = facts.get("host") or {}
        gathered = _seconds(about.get("gathered_at"), changed)
        drift = [entry for entry in facts.get("drift") or [] if isinstance(entry, dict)]
        if isinstance(facts.get("devices"), list):
            self._seen.setdefault(host, Devices()).look(facts["devices"], now)
        seen = self._seen.get(host) or Devices()
        lists = {
            "drift": [entry for entry in drift if entry.get("code") != "set_aside"],
            "set_aside": [entry for entry in drift if entry.get("code") == "set_aside"],
            "lost": seen.lost(),
            "new": seen.new(now),
            "overdue": _overdue(facts.get("claims") or []),
        }
        return {
            "kvm_hostdev": _FORM,
            "host": host,
            "sent_by": "cached_facts",
            "sent_at": _moment(gathered),
            "every": self._every,
            "silent": now - gathered > self._silent_after,
            "changing": False,
            "differs": bool(drift),
            "trouble": "" if "drift" in facts else "the facts were gathered without drift",
            "boot_id": about.get("boot_id", ""),
            "kernel": about.get("kernel", ""),
            "iommu": about.get("iommu"),
            "libvirt": bool(about.get("libvirt")),
            "libvirt_reason": about.get("libvirt_reason", ""),
            **{name: lists[name][:_MOST] for name in _LISTS},
            "counts": {name: len(lists[name]) for name in _LISTS},
        }


class Devices:
    """The functions of one host: new for a day after they were first seen, lost for a day after they were missed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], dict[str, t.Any]] | None = None

    def look(self, devices: list[t.Any], now: float) -> None:
        """Take what is there now. What is there at the first look is not new."""
        there = {}
        for device in devices:
            told = {name: str(device.get(name) or "") for name in _TOLD}
            if told["address"] and device.get("stable_path") and not device.get("header_type"):  # no bridge
                key = (str(device["stable_path"]), told["vendor_id"], told["product_id"])
                earlier = (self._known or {}).get(key)
                first = (None if self._known is None else now) if earlier is None else earlier["first"]
                there[key] = {"told": told, "first": first, "missed": None}
        for key, device in (self._known or {}).items():
            missed = now if device["missed"] is None else device["missed"]
            if key not in there and now - missed < _REMEMBERED:
                there[key] = {**device, "missed": missed}
        self._known = there

    def lost(self) -> list[dict[str, t.Any]]:
        return self._told("missed", lambda device: device["missed"] is not None)

    def new(self, now: float) -> list[dict[str, t.Any]]:
        def is_new(device: dict[str, t.Any]) -> bool:
            return device["missed"] is None and device["first"] is not None and now - device["first"] < _REMEMBERED

        return self._told("first", is_new)

    def _told(self, since: str, wanted: t.Callable[[dict[str, t.Any]], bool]) -> list[dict[str, t.Any]]:
        devices = [device for device in (self._known or {}).values() if wanted(device)]
        devices.sort(key=lambda device: device["told"]["address"])
        return [{**device["told"], "since": _moment(device[since])} for device in devices]


def _hostdev(path: str) -> dict[str, t.Any] | None:
    """The facts under the key of pci_facts in a file of any core's form; None of a file that is none."""
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        if isinstance(facts, dict) and "__payload__" in facts:
            facts = json.loads(facts["__payload__"])
        found = _plain(facts).get("hostdev")
    except _OTHER_FORM as error:
        _LOG.warning("cached_facts: %s: %s", path, error)
        return None
    return found if isinstance(found, dict) else None


def _plain(value: t.Any) -> t.Any:
    """A value without what ansible-core 2.19 and later note beside it: where it comes from, whether it is trusted."""
    if isinstance(value, dict):
        if "__ansible_type" in value and "value" in value:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _overdue(claims: list[t.Any]) -> list[dict[str, t.Any]]:
    due = [claim for claim in claims if isinstance(claim, dict) and claim.get("overdue")]
    return [{"owner": claim.get("owner"), "devices": list(claim["overdue"])} for claim in due]


def _seconds(text: t.Any, otherwise: float) -> float:
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return otherwise


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


if __name__ == "__main__":
    import sys

    class _Printed:
        """A queue that prints: to try the source without ansible-rulebook, with the folder as its argument."""

        async def put(self, event: dict[str, t.Any]) -> None:
            print(json.dumps(event), flush=True)

    asyncio.run(main(t.cast("t.Any", _Printed()), {"path": sys.argv[1], "every": 5}))
