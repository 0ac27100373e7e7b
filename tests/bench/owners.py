# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all claims of a host cost in one task that changes nothing: twenty owners beside one."""

from __future__ import annotations

import statistics
import tempfile
import uuid
from pathlib import Path
from typing import Any

from ansible_collections.kvm.hostdev.tests.unit.helpers import fake_host
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.many_vfs import many_vfs
from ansible_collections.kvm.hostdev.tests.unit.helpers.one_task import run_task
from ansible_collections.kvm.hostdev.tests.unit.helpers.payload import payload

MODULE = "pci_passthrough"
_NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}


def run(owners: int, rounds: int) -> None:
    """Print the processor time of both, and their ratio."""
    print(
        f"\n{MODULE} with nothing to do, on the recorded lab host with {owners} domains; medians of {rounds} rounds\n"
    )
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-bench-") as folder:
        sizes = (1, owners)
        tasks = [_task(Path(folder) / str(number), number, owners) for number in sizes]
        archive = payload(MODULE, Path(folder))
        taken: list[list[float]] = [[] for _size in sizes]
        for turn in range(rounds + 1):
            for times, task in zip(taken, tasks, strict=True):
                report = run_task(str(archive), **task)
                if report["result"].get("changed") is not False:
                    raise SystemExit(f"bench: {report['result']}")
                if turn:
                    times.append(sum(report["seconds"].values()))
    one, many = (statistics.median(times) for times in taken)
    print(f"1 owner: {one * 1e3:.0f} ms; {owners} owners: {many * 1e3:.0f} ms; ratio {many / one:.2f}")


def _task(folder: Path, number: int, owners: int) -> dict[str, Any]:
    """The arguments of run_task for a host on which so many of its domains have a VF each, as they ask for."""
    folder.mkdir()
    host = fake_host.FakeHost(folder)
    host.reboot(many_vfs(owners))
    host.libvirt.domains.clear()
    for index in range(owners):
        name, own = f"web{index:02}", str(uuid.uuid5(uuid.NAMESPACE_DNS, f"web{index}"))
        xml = domain_xml(name=name, uuid=own)
        host.libvirt.define(name, own, config=xml, live=xml)
    names = [domain.name() for domain in host.libvirt.domains][:number]
    host.passthrough({name: [_NIC] for name in names})
    return {
        "module": MODULE,
        "options": {
            "facts_path": f"{host.root}{fake_host.FACTS}",
            "claims": [{"domain": name, "requests": [_NIC]} for name in names],
        },
        "root": str(host.root),
        "domains": [
            {"name": domain.name(), "uuid": domain.UUIDString(), "config": domain.xml[2], "live": domain.xml[1]}
            for domain in host.libvirt.domains
        ],
    }
