# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the lab host: one claim or release with the real kernel and libvirt, broken off at an effect.

A wrapper around what `_host` is given; the code that is run is the shipped code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import libvirt

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.exclusive import ExclusiveOpen
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.sysfs_writer import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.flow import Flow
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.host import ChangingHost
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.removal_events import RemovalEvents
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, ReleaseWish, Terms

_URI = "qemu:///system"


class Breaking:
    """Lets the first effect whose text contains a word go wrong, and prints each effect."""

    def __init__(self, word: str, mode: str) -> None:
        self._word, self._mode = word, mode

    def happen(self, what: str, do: Callable[[], Any]) -> Any:
        """Do it, or break off."""
        print(what, flush=True)
        if not self._mode or self._word not in what:
            return do()
        if self._mode.startswith("sh "):
            # Somebody else does something, once, right before the effect.
            command, self._mode = self._mode[3:], ""
            subprocess.run(["sh", "-c", command], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
            return do()
        if self._mode == "halt":
            do()
            print("HALTED", flush=True)
            signal.pause()
        if self._mode == "during":
            # The kernel and libvirtd go on with it, when its caller is long gone.
            threading.Timer(0.005, _die).start()
        if self._mode != "before":
            do()
        if self._mode == "during":
            time.sleep(60)
        _die()
        return None


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class BreakingDomains(DomainChanges):
    """Libvirt's domains, with the changes of a guest or a definition as effects."""

    breaking: Breaking

    def apply(self, step: Any, **keywords: Any) -> None:
        """Count it."""
        self.breaking.happen(str(step), lambda: super(BreakingDomains, self).apply(step, **keywords))


class BreakingRecord(RecordFile):
    """The record, with its writing as effects."""

    breaking: Breaking

    def write(self, record: Any) -> None:
        """Count it."""
        what = "record closed" if record.journal is None else f"record {record.journal.begun}"
        self.breaking.happen(what, lambda: super(BreakingRecord, self).write(record))


def main(told: dict[str, Any]) -> None:
    """Claim or release."""
    breaking = Breaking(told["effect"], told["mode"])
    BreakingDomains.breaking = BreakingRecord.breaking = breaking
    tree = Tree()
    write = SysfsWriter(tree)
    binder = Binder(
        tree,
        lambda path, text, seconds: breaking.happen(f"{path} <- {text.strip()}", lambda: write(path, text, seconds)),
        lambda name: subprocess.run(["modprobe", "--", name], check=False).returncode == 0,
        disks=ExclusiveOpen(tree),
    )
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    domains = BreakingDomains(
        libvirt.open(_URI),
        libvirt.libvirtError,
        reopen=lambda: libvirt.open(_URI),
        reconnect_timeout=told["reconnect_timeout"],
        events=RemovalEvents(libvirt, _URI),
    )
    flow = Flow(
        ChangingHost(tree, domains, os.environ, binder),
        BreakingRecord("/etc/ansible/facts.d"),
        check_mode=False,
        **told["options"],
    )
    wish = told["wish"]
    if told["operation"] == "release":
        outcome = flow.release(ReleaseWish(**wish))
    else:
        requests = parse_requests(wish["requests"], {})
        attach = tuple(wish.get("attach", ("config", "live")))
        outcome = flow.claim(ClaimWish(wish["domain"], None, requests, AllowList(None), Terms(), attach))
    print(
        json.dumps(
            {
                "warnings": outcome.warnings,
                "changed": outcome.changed,
                "recovered": outcome.recovered,
                "stopped": outcome.stopped,
            }
        )
    )


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except HostdevError as failed:
        print(json.dumps({"error": failed.as_result()}))
        sys.exit(1)
