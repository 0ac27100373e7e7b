# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking libvirt for what a recording has of it."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ..._model.recording.anonymous import serials_of_record
from ..._model.recording.guest_xml import serials_of_node_device
from ..._model.recording.recording import RecordedDomain, RecordedLibvirt
from ..libvirt.domains import XML_INACTIVE
from ..libvirt.errors import is_gone


def ask_libvirt(connection: t.Any, error: type[Exception]) -> RecordedLibvirt:
    """All domains and node devices that libvirt tells of; what vanishes meanwhile is left out. Raises `error`."""
    try:
        hypervisor_version: int | None = int(connection.getVersion())
    except error:
        hypervisor_version = None
    return RecordedLibvirt(
        uri=str(connection.getURI()),
        hypervisor=str(connection.getType()),
        version=int(connection.getLibVersion()),
        hypervisor_version=hypervisor_version,
        domains=tuple(_domains(connection, error)),
        node_devices=tuple(_node_devices(connection, error)),
    )


def _domains(connection: t.Any, error: type[Exception]) -> t.Iterator[RecordedDomain]:
    for handle in connection.listAllDomains(0):
        try:
            yield RecordedDomain(
                str(handle.name()),
                str(handle.UUIDString()),
                # Without VIR_DOMAIN_XML_SECURE: libvirt itself leaves out passwords.
                config=str(handle.XMLDesc(XML_INACTIVE)) if handle.isPersistent() else None,
                live=str(handle.XMLDesc(0)) if handle.isActive() else None,
            )
        except error as problem:
            if not is_gone(problem):
                raise


def _node_devices(connection: t.Any, error: type[Exception]) -> t.Iterator[tuple[str, str]]:
    try:
        handles = connection.listAllDevices(0)
    except error:
        return
    for handle in handles:
        try:
            name, xml = str(handle.name()), str(handle.XMLDesc(0))
            ET.fromstring(xml)
        except (error, ET.ParseError):
            continue
        yield name, xml


def serials_of(libvirt: RecordedLibvirt | None, record: str | None) -> t.Iterator[str]:
    """Serial numbers that libvirt and the record tell."""
    for _name, xml in () if libvirt is None else libvirt.node_devices:
        yield from serials_of_node_device(xml)
    yield from () if record is None else serials_of_record(record)
