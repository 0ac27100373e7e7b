# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site for AWX without hardware: simulated hosts (tests/fleet) with domains, behind a controller."""

from __future__ import annotations

import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..fleet import interpreter
from ..fleet.hosts import Host, lay_out
from ..fleet.kernel import Kernels
from .controller import Controller, hosts_inventory

KINDS = {"kvm001": "trees of GPUs", "kvm002": "GPU and VFs", "kvm003": "mixed"}
DOMAINS = {"kvm001": ("web1", "db1"), "kvm002": ("train1",), "kvm003": ("web1",)}
SITE = {
    "hostdev_become": False,
    "hostdev_aliases": [{"name": "gpu", "vendor_id": "10de", "product_id": "20b2"}],
    "hostdev_limits": [{"labels": {"tenant": "blue"}, "most": 2}],
}
"""What the inventory says for all hosts."""
_PORTS = "".join(f'<controller type="pci" index="{number}" model="pcie-root-port"/>' for number in range(1, 5))


class Site:
    """The controller, and the folders of its hosts."""

    def __init__(self, folder: Path, controller: Controller, kernels: Kernels) -> None:
        self._folder, self.controller, self._kernels = folder, controller, kernels

    def definition(self, host: str, domain: str) -> str:
        """The XML of a domain."""
        return (self._folder / host / "domains" / f"{domain}.xml").read_text()

    def record(self, host: str) -> str:
        """The host's record, empty where it has none."""
        path = self._record_file(host)
        return path.read_text() if path.exists() else ""

    def write_record(self, host: str, text: str) -> None:
        """What no run of ours would write."""
        self._record_file(host).write_text(text)

    def _record_file(self, host: str) -> Path:
        return self._folder / host / "root/etc/ansible/facts.d/hostdev.fact"

    def state(self) -> dict[str, Any]:
        """Records and definitions of all hosts: what a job that is refused must leave as it was."""
        return {
            host: (self.record(host), *(self.definition(host, domain) for domain in DOMAINS[host])) for host in KINDS
        }

    def breaches(self) -> list[str]:
        """What tasks wanted of the machine that this runs on, and what nothing of ours may ask of a kernel."""
        found = [self._folder / host / "breaches" for host in KINDS]
        return [*self._kernels.wrong, *(line for path in found if path.exists() for line in path.open())]


@contextmanager
def site(place: Path, project: Path, collections: Path) -> Iterator[Site]:
    """A site in a folder, whose execution environment has its collections in another."""
    folder = place / "hosts"
    for name, kind in KINDS.items():
        lay_out(Host(name, "rack01", kind), folder / name)
        (folder / name / "domains").mkdir()
        for domain in DOMAINS[name]:
            (folder / name / "domains" / f"{domain}.xml").write_text(domain_xml(name, domain))
    inventory = hosts_inventory({name: reached(folder / name) for name in KINDS}, SITE)
    with Kernels(folder, list(KINDS)) as kernels:
        yield Site(folder, Controller(place / "jobs", project, collections, inventory), kernels)


def domain_xml(host: str, domain: str) -> str:
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{domain}.{host}")
    return (
        f"<domain type='kvm'><name>{domain}</name><uuid>{identity}</uuid><devices>"
        f'<controller type="pci" index="0" model="pcie-root"/>{_PORTS}</devices></domain>'
    )


def reached(folder: Path) -> Mapping[str, Any]:
    python = [f"{sys.base_prefix}/bin/python3", "-I", "-S", interpreter.__file__, str(folder)]
    program = folder / "bin/python"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n')
    program.chmod(0o755)
    return {"ansible_connection": "local", "ansible_python_interpreter": str(program)}
