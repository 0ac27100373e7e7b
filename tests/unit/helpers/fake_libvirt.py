# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""Two stand-ins for libvirt's Python binding: a script of the exact calls expected, and a small libvirt of its own."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_domain import FakeDomain
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_hostdevs import HostDevices
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_pool import FakePool
from ansible_collections.kvm.hostdev.tests.unit.helpers.libvirt_api import (
    AUTOSTART,
    CONFIG,
    INTERNAL_ERROR,
    LIVE,
    NO_DOMAIN,
    NO_STORAGE_POOL,
    OPERATION_FAILED,
    OPERATION_INVALID,
    PAUSED,
    RUNNING,
    LibvirtError,
)

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel

__all__ = [
    "AUTOSTART",
    "CONFIG",
    "INTERNAL_ERROR",
    "LIVE",
    "NO_DOMAIN",
    "OPERATION_FAILED",
    "OPERATION_INVALID",
    "OTHER_UUID",
    "PAUSED",
    "RUNNING",
    "UUID",
    "Expected",
    "FakeDomain",
    "FakeLibvirt",
    "Handle",
    "LibvirtError",
    "Script",
    "domain_xml",
]

UUID = "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02"
OTHER_UUID = "0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c11"


class Expected(t.NamedTuple):
    """One call: on which object, what, with which arguments, and what comes back (an exception is raised)."""

    target: str
    method: str
    arguments: tuple[t.Any, ...]
    result: t.Any


class Script:
    """The calls expected, in their order; any other call, and any that does not come, fails the test."""

    def __init__(self, *calls: tuple[str, str, tuple[t.Any, ...], t.Any]) -> None:
        self._calls = [Expected(*call) for call in calls]

    def __enter__(self) -> Script:
        return self

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        if kind is None:
            assert self._calls == [], "calls that did not come"

    def object(self, name: str) -> t.Any:
        return _Scripted(self, name)

    def play(self, target: str, method: str, arguments: tuple[t.Any, ...]) -> t.Any:
        assert self._calls, f"unexpected call: {target}.{method}{arguments}"
        call = self._calls.pop(0)
        assert (target, method, arguments) == call[:3]
        if isinstance(call.result, Exception):
            raise call.result
        if isinstance(call.result, Handle):
            return self.object(call.result.name)
        if isinstance(call.result, list):
            return [self.object(item.name) if isinstance(item, Handle) else item for item in call.result]
        return call.result


class Handle(t.NamedTuple):
    """In a result of a script: another object of the script."""

    name: str


class _Scripted:
    def __init__(self, script: Script, name: str) -> None:
        self._script, self._name = script, name

    def __getattr__(self, method: str) -> t.Callable[..., t.Any]:
        return lambda *arguments: self._script.play(self._name, method, arguments)


def domain_xml(
    *hostdevs: str, name: str = "web1", uuid: str = UUID, ports: int = 4, extra: str = "", machine: str = "pcie-root"
) -> str:
    """A q35 domain with `ports` root ports, indexes from 1, and these elements among its devices."""
    controllers = f'<controller type="pci" index="0" model="{machine}" />' + "".join(
        f'<controller type="pci" index="{index}" model="pcie-root-port">'
        f'<address type="pci" domain="0x0000" bus="0x00" slot="0x{index:02x}" function="0x0" /></controller>'
        for index in range(1, ports + 1)
    )
    return (
        f"<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid>"
        f"<devices>{controllers}{extra}{''.join(hostdevs)}</devices></domain>"
    )


class FakeLibvirt:
    """A connection. `log` has every change that was asked of it; `deaf` guests let no device go.

    With a kernel it binds devices and runs guests on that, without one it knows nothing of drivers. `links` are the
    interfaces of the PFs, `is_express` tells of a function of the host whether it is a PCI Express device. `pools` are
    storage pools, which are active, with their volumes' paths by name.
    """

    def __init__(
        self,
        kernel: FakeKernel | None = None,
        links: FakeIp | None = None,
        is_express: t.Callable[[str], bool] = lambda _address: True,
    ) -> None:
        self.log: list[str] = []
        self.deaf = False
        self.macs = 0
        self.domains: list[FakeDomain] = []
        self.pools: dict[str, dict[str, str]] = {}
        self.devices = HostDevices(kernel, links)
        self.is_express = is_express
        self._kernel = kernel
        self._processes = 2000
        self._failures: dict[int, Exception] = {}
        self._hooks: dict[str, Exception] = {}

    def define(
        self, name: str = "web1", uuid: str = UUID, *, config: str | None = None, live: str | None = None
    ) -> FakeDomain:
        domain = FakeDomain(self, name, uuid)
        domain.xml = {CONFIG: config, LIVE: live}
        self.domains.append(domain)
        return domain

    def fail(self, number: int, error: Exception) -> None:
        """Let the change of this number, counted from 1 from now on, raise the error and do nothing else."""
        self._failures[len(self.log) + number] = error

    def fail_call(self, name: str, error: Exception) -> None:
        """Let every reading call of this name raise the error."""
        self._hooks[name] = error

    def changes(self, what: str) -> None:
        self.log.append(what)
        if len(self.log) in self._failures:
            raise self._failures[len(self.log)]

    def called(self, name: str) -> None:
        if name in self._hooks:
            raise self._hooks[name]

    def remove_all(self) -> None:
        """All domains are shut off and undefined."""
        for domain in list(self.domains):
            domain.xml = {LIVE: None, CONFIG: None}

    def reboot(self) -> None:
        """The host has been started anew: nothing runs, and what libvirt knew of devices is forgotten."""
        self.devices.active.clear()
        self.devices.inactive.clear()
        for domain in list(self.domains):
            domain.restore(({**domain.xml, LIVE: None}, None))
            domain.vanish_if_gone()

    def next_process(self) -> int:
        self._processes += 1
        return self._processes

    def show(self, process: int | None, devices: t.Iterable[str] | None) -> None:
        """Let the kernel know which devices the process of a running domain has; None when it is gone."""
        if self._kernel is None or process is None:
            return
        if devices is None:
            self._kernel.ends(process)
        else:
            self._kernel.opens(process, "qemu-system-x86_64", filter(self._kernel.is_there, devices))

    def memory(self) -> tuple[t.Any, ...]:
        """All that it knows, for another process (`restore`) that goes on with the same host."""
        books = self.devices.active, self.devices.inactive
        return {domain.UUIDString(): domain.memory() for domain in self.domains}, books, self.macs, self._processes

    def restore(self, memory: tuple[t.Any, ...]) -> None:
        domains, (self.devices.active, self.devices.inactive), self.macs, self._processes = memory
        self.domains = [domain for domain in self.domains if domain.UUIDString() in domains]
        for domain in self.domains:
            domain.restore(domains[domain.UUIDString()])

    def state(self) -> dict[str, dict[int, str | None]]:
        return {domain.UUIDString(): dict(domain.xml) for domain in self.domains}

    # virConnect

    def listAllDomains(self, flags: int) -> list[FakeDomain]:
        self.called("listAllDomains")
        return [domain for domain in self.domains if domain.autostarts or flags != AUTOSTART]

    def lookupByName(self, name: str) -> FakeDomain:
        return self._look_up(lambda domain: domain.name() == name, name)

    def lookupByUUIDString(self, uuid: str) -> FakeDomain:
        self.called("lookupByUUIDString")
        return self._look_up(lambda domain: domain.UUIDString() == uuid.lower(), uuid)

    def _look_up(self, wanted: t.Callable[[FakeDomain], bool], what: str) -> FakeDomain:
        for domain in self.domains:
            if wanted(domain):
                return domain
        raise LibvirtError(f"Domain not found: {what}", NO_DOMAIN)

    def storagePoolLookupByName(self, name: str) -> FakePool:
        if name not in self.pools:
            raise LibvirtError(f"Storage pool not found: no storage pool with matching name '{name}'", NO_STORAGE_POOL)
        return FakePool(self.pools[name])

    def listAllDevices(self, _flags: int) -> list[t.Any]:
        return []

    def getLibVersion(self) -> int:
        return 11003000

    def getVersion(self) -> int:
        return 10000003

    def getType(self) -> str:
        self.called("getType")
        return "QEMU"

    def getURI(self) -> str:
        return "qemu:///system"

    def getHostname(self) -> str:
        return os.uname().nodename

    def close(self) -> int:
        self.called("close")
        return 0

    def isAlive(self) -> int:
        return 1
