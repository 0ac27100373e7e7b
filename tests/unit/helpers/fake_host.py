# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab host as one object: its recorded tree, a kernel and a libvirt that act on it, and flows that run on it."""

from __future__ import annotations

import functools
import json
import os
import pickle
import re
import shutil
import typing as t
import xml.etree.ElementTree as ET
from pathlib import Path
from types import MappingProxyType

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.physical_functions import PhysicalFunctions
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.flow import Flow
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.host import ChangingHost
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.outcome import Outcome
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_device
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import parse_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.limits.limit import parse_limits
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import (
    ClaimWish,
    HostWish,
    ReleaseWish,
    Terms,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    CONFIG,
    FakeLibvirt,
    LibvirtError,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import (
    Entries,
    expand,
    files,
    picture,
    recorded,
    without,
)

_BEGUN = 1583136000.0  # 2020-03-02T08:00:00Z
FACTS = "/etc/ansible/facts.d"
RECORD = f"{FACTS}/hostdev.fact"
IGB_PF = "0000:01:00.0"

# What no flow looks at, and would only cost time: SCSI, USB, SATA, the SR-IOV NVMe and others, files that nobody reads.
_FUNCTIONS = (
    *("0000:00:04.0", "0000:00:05.0", "0000:00:06.0", "0000:00:07.0", "0000:00:11.0", "0000:00:18.0", "0000:00:1f."),
    *("0000:02:00.0", "virtual/nvme-subsystem", "virtual/graphics", "virtual/watchdog"),
)
_FILES = re.compile(
    r"uevent|power_state|irq|local_cpulist|d3cold_allowed|ari_enabled|enable|subsystem|resource\d|iommu|sriov_(?!.*vfs|drivers).*"
    r"|dev_.*|flags|if.*|type|hwmon\d|ng\dn1|ro|range|ext_range|hidden|nsid|wwid|subsysnqn|cntl.*|state|transport"
)


@functools.cache
def entries() -> Entries:
    """What is laid out for each host, by absolute path."""
    return {
        path: entry
        for path, entry in without(recorded("lab-trixie"), *_FUNCTIONS).items()
        if not any(_FILES.fullmatch(part) for part in path.split("/")[4:] if path.startswith("/sys/devices/pci"))
    }


class FakeHost:
    """The lab host of Debian 13 with a domain web1, running with four free root ports unless said otherwise."""

    def __init__(
        self,
        folder: Path,
        *,
        libvirt: bool = True,
        running: bool = True,
        laid_out: t.Callable[[], Entries] | None = None,
    ) -> None:
        self.root = folder / "host"
        self._laid_out = laid_out or entries
        self.lock_timeout = 0.0
        self.seconds = _BEGUN
        """The time of its clock, since 1970."""
        self.igb_pf = IGB_PF
        self.on_detach_timeout = "fail"
        self.plugged: list[dict[str, str]] = []
        """The files of USB and SCSI devices, see fake_nodes."""
        expand(self._laid_out(), self.root)
        self.kernel = FakeKernel(self.root)
        self.links = FakeIp(os.listdir(self.root / f"sys/bus/pci/devices/{IGB_PF}/net")[0], 4)
        self.links.others = self.root / "sys/class/net"
        self.libvirt = FakeLibvirt(self.kernel, self.links, self._is_express)
        self.tree = Tree(str(self.root))
        self.domain = self.libvirt.define(config=domain_xml(), live=domain_xml() if running else None)
        self.file = RecordFile(f"{self.root}{FACTS}")
        self.system = ChangingHost(
            self.tree,
            DomainChanges(self.libvirt, LibvirtError) if libvirt else None,
            {},
            Binder(self.tree, self.kernel, self.kernel.load_module),
            vf_settings=VfSettings(self.tree, self.links),
            pfs=PhysicalFunctions(self.tree, self.kernel, self.links, self.links.devlink, pauses=()),
            clock=lambda: self.seconds,
        )
        self.kernel.on_vfs = self._vfs_changed

    def flow(self, *, check_mode: bool = False, detach_timeout: float = 0.0) -> Flow:
        return Flow(
            self.system,
            self.file,
            check_mode=check_mode,
            lock_timeout=self.lock_timeout,
            detach_timeout=detach_timeout,
            on_detach_timeout=self.on_detach_timeout,
        )

    def claim(
        self,
        *wanted: dict[str, t.Any],
        domain: str | None = "web1",
        owner: str | None = None,
        allow_list: AllowList | None = None,
        attach: tuple[str, ...] = ("config", "live"),
        managed: bool = True,
        check_mode: bool = False,
        numa_cells: frozenset[int] | None = None,
        free_root_ports: int | None = None,
        persist: bool | None = None,
        constraints: t.Sequence[dict[str, t.Any]] = (),
        prefer: t.Sequence[dict[str, t.Any]] = (),
        limits: t.Sequence[dict[str, t.Any]] | None = None,
        **terms: t.Any,
    ) -> Outcome:
        wish = ClaimWish(
            None if owner else domain,
            owner,
            requests(*wanted),
            allow_list or AllowList(None),
            Terms(**terms),
            attach,
            managed,
            numa_cells,
            free_root_ports,
            persist,
            constraints=parse_constraints(constraints, "constraints"),
            prefer=parse_constraints(prefer, "prefer"),
            limits=None if limits is None else parse_limits(limits, {}),
        )
        return self.flow(check_mode=check_mode).claim(wish)

    def passthrough(
        self,
        claims: t.Mapping[str, t.Sequence[dict[str, t.Any]]],
        *,
        check_mode: bool = False,
        purge: bool = False,
        orphans: bool = False,
        persist: bool | None = None,
        **terms: t.Any,
    ) -> Outcome:
        """All claims by their owners, which are domains where there is one of that name."""
        names = {domain.name() for domain in self.libvirt.domains}
        wishes = tuple(
            ClaimWish(
                whose if whose in names else None,
                None if whose in names else whose,
                requests(*wanted),
                AllowList(None),
                Terms(**terms),
                ("config", "live"),
                persist=persist,
            )
            for whose, wanted in claims.items()
        )
        return self.flow(check_mode=check_mode).passthrough(HostWish(wishes, purge=purge, orphans=orphans))

    def release(self, *, check_mode: bool = False, **wish: t.Any) -> Outcome:
        return self.flow(check_mode=check_mode).release(ReleaseWish(**(wish or {"domain": "web1"})))

    def set_vfs(self, number: int | None = None, *, check_mode: bool = False, **wish: t.Any) -> Outcome:
        """What pci_sriov does; without a number all is given back."""
        specs = parse_device_specs([{"address": self.igb_pf}], "specs")
        asked = VfsWish(specs, f"address {self.igb_pf}", number or 0, absent=number is None, **wish)
        return self.flow(check_mode=check_mode).set_vfs(asked)

    def _vfs_changed(self, address: str, number: int) -> None:
        if address == self.igb_pf:
            self.links.make_vfs(number)

    def _is_express(self, address: str) -> bool:
        device = read_device(self.tree, address)
        return device is None or device.express

    def reboot(self, laid_out: Entries | None = None, moved: t.Mapping[str, str] = MappingProxyType({})) -> None:
        """All functions are with their own drivers again, nothing is pinned, and no domain runs.

        Definitions are where libvirt keeps them. `laid_out` is the tree then, and `moved` the addresses of functions by
        the ones of before, see rebooted.
        """
        facts, kept = self.root / FACTS[1:], self.root.parent / "kept"
        if facts.exists():
            os.rename(facts, kept)
        shutil.rmtree(self.root)
        expand(self._laid_out() if laid_out is None else laid_out, self.root)
        for device in self.plugged:
            files(self.root, device)
        self.igb_pf = moved.get(self.igb_pf, self.igb_pf)
        self.kernel.reboot(moved)
        self.links.reboot()
        self.write("/proc/sys/kernel/random/boot_id", "boot-2\n")
        if kept.exists():
            facts.parent.mkdir(parents=True, exist_ok=True)
            os.rename(kept, facts)
        for domain in self.libvirt.domains:
            if domain.xml[CONFIG] is not None:
                self.write(f"/etc/libvirt/qemu/{domain.name()}.xml", domain.xml[CONFIG])
        self.libvirt.reboot()

    def memory(self) -> bytes:
        """What the stand-ins know beside the tree, for another process (`restore`) that goes on with the same tree."""
        return pickle.dumps((self.kernel.memory(), self.libvirt.memory(), self.links.memory()))

    def restore(self, memory: bytes) -> None:
        kernel, libvirt, links = pickle.loads(memory)
        self.links.restore(links)
        self.kernel.restore(kernel)
        self.libvirt.restore(libvirt)

    def write(self, path: str, text: str) -> None:
        local = Path(f"{self.root}{path}")
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_text(text)

    def mount(self, block: str) -> None:
        """Mount a disk at /srv, as systemd or an automounter does the moment that it is there."""
        number = (self.root / f"sys/class/block/{block}/dev").read_text().strip()
        link = self.root / "sys/dev/block" / number
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            os.symlink(os.path.realpath(self.root / "sys/class/block" / block), link)
        table = (self.root / "proc/self/mountinfo").read_text()
        line = f"99 1 {number} / /srv rw,relatime shared:1 - ext4 /dev/{block} rw"
        self.write("/proc/self/mountinfo", f"{table.rstrip()}\n{line}\n")

    @property
    def record(self) -> dict[str, t.Any]:
        return json.loads((self.root / RECORD[1:]).read_text())

    def record_or_none(self) -> dict[str, t.Any] | None:
        return self.record if (self.root / RECORD[1:]).exists() else None

    def host_state(self) -> tuple[dict[str, str], dict[str, dict[int, tuple[str, ...] | None]]]:
        """The tree below /sys, with what only PFs know, and of each XML its devices, in any order."""
        return {**picture(self.root / "sys"), **self.links.picture()}, self.domains_state()

    def domains_state(self) -> dict[str, dict[int, tuple[str, ...] | None]]:
        """Of each XML its devices, in any order."""
        return {
            uuid: {place: None if text is None else _devices(text) for place, text in xml.items()}
            for uuid, xml in self.libvirt.state().items()
        }

    def kept_state(self) -> tuple[dict[str, str], dict[str, dict[int, str | None]]]:
        """All that a run could have written to, but for what does not outlive it: the lock says when it was taken."""
        files, domains = self.whole_state()
        return {path: what for path, what in files.items() if not path.startswith("/run/")}, domains

    def whole_state(self) -> tuple[dict[str, str], dict[str, dict[int, str | None]]]:
        """All that a run could have written to."""
        return picture(self.root), self.libvirt.state()


def _devices(xml: str) -> tuple[str, ...]:
    devices = ET.fromstring(xml).find("devices")
    assert devices is not None
    return tuple(sorted(ET.canonicalize(ET.tostring(device, encoding="unicode")) for device in devices))
