# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""A connection to a recorded libvirt: it answers what was asked when the host was recorded, and can do nothing."""

from __future__ import annotations

import typing as t

from ..libvirt.domains import XML_INACTIVE
from ..libvirt.errors import NO_DOMAIN, OPERATION_UNSUPPORTED

if t.TYPE_CHECKING:
    from ..._model.recording.recording import RecordedDomain, RecordedLibvirt

# include/libvirt/libvirt-domain.h and libvirt-nodedev.h
_ACTIVE = 1
_WITH_VPD = 1 << 21


class RecordedError(Exception):
    """In place of libvirt.libvirtError."""

    def __init__(self, message: str, code: int = OPERATION_UNSUPPORTED) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code


class RecordedBinding:
    """In place of the module libvirt, which the controller need not have."""

    libvirtError = RecordedError  # noqa: N815

    @staticmethod
    def open(_uri: str) -> t.NoReturn:
        raise RecordedError("a recorded host has no libvirt to connect to")


class _Answers:
    """Answers by the methods that it has; every other one that libvirt knows is refused."""

    def __getattr__(self, name: str) -> t.NoReturn:
        if name.startswith("_"):  # not libvirt's, but Python's own questions
            raise AttributeError(name)
        raise RecordedError(f"{name}: this is a rehearsal on a recorded host, which nothing can be done to")


class RecordedConnection(_Answers):
    """In place of a libvirt.virConnect."""

    def __init__(self, recorded: RecordedLibvirt) -> None:
        self._recorded = recorded

    def listAllDomains(self, flags: int) -> list[Domain]:
        """All, or those that ran; which ones start with the host is not recorded."""
        if flags not in (0, _ACTIVE):
            raise RecordedError("a recording tells of domains only whether they run")
        return [Domain(domain) for domain in self._recorded.domains if not flags or domain.live is not None]

    def lookupByName(self, name: str) -> Domain:
        return self._found(name, lambda domain: domain.name)

    def lookupByUUIDString(self, uuid: str) -> Domain:
        return self._found(uuid.lower(), lambda domain: domain.uuid.lower())

    def _found(self, wanted: str, of: t.Callable[[RecordedDomain], str]) -> Domain:
        for domain in self._recorded.domains:
            if of(domain) == wanted:
                return Domain(domain)
        raise RecordedError(f"no recorded domain {wanted}", NO_DOMAIN)

    def listAllDevices(self, flags: int) -> list[NodeDevice]:
        nodes = [NodeDevice(name, xml) for name, xml in self._recorded.node_devices]
        return [node for node in nodes if "type='vpd'" in node.xml or 'type="vpd"' in node.xml] if flags else nodes

    def getLibVersion(self) -> int:
        return self._recorded.version

    def getVersion(self) -> int:
        if self._recorded.hypervisor_version is None:
            raise RecordedError("its driver has no version")
        return self._recorded.hypervisor_version

    def getType(self) -> str:
        return self._recorded.hypervisor

    def getURI(self) -> str:
        return self._recorded.uri

    def isAlive(self) -> int:
        return 1

    def close(self) -> int:
        return 0


class Domain(_Answers):
    """In place of a libvirt.virDomain."""

    def __init__(self, recorded: RecordedDomain) -> None:
        self._recorded = recorded

    def name(self) -> str:
        return self._recorded.name

    def UUIDString(self) -> str:
        return self._recorded.uuid

    def isPersistent(self) -> int:
        return int(self._recorded.config is not None)

    def isActive(self) -> int:
        return int(self._recorded.live is not None)

    def XMLDesc(self, flags: int) -> str:
        text = self._recorded.config if flags & XML_INACTIVE else self._recorded.live
        if text is None:
            raise RecordedError("not recorded", NO_DOMAIN)
        return text


class NodeDevice(_Answers):
    """In place of a libvirt.virNodeDevice."""

    def __init__(self, name: str, xml: str) -> None:
        self._name, self.xml = name, xml

    def name(self) -> str:
        return self._name

    def XMLDesc(self, _flags: int) -> str:
        return self.xml
