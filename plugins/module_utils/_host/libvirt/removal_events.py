# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's events about devices that leave a running guest.

They come over a connection of their own that lives as long as the wait does: a connection with events must be served
all the time, or libvirt takes its client for dead and closes it.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

REMOVED = "removed"
REFUSED = "refused"

Wait = t.Callable[[float], t.Optional[str]]


class RemovalEvents:
    """Events of the connection `uri`; `libvirt` is the binding's module."""

    def __init__(self, libvirt: t.Any, uri: str) -> None:
        self._libvirt = libvirt
        self._uri = uri
        self._registered = False

    @contextlib.contextmanager
    def listening(self, uuid: str, alias: str | None) -> t.Iterator[Wait]:
        """Yield a function that waits for the next event of the domain's device, for some seconds at most.

        It returns REMOVED, REFUSED (the guest said no), or None when nothing came. Where there are no events, it
        only lets the time go by.
        """
        seen: list[str] = []
        try:
            connection = self._open(uuid, alias, seen)
        except self._libvirt.libvirtError:
            yield sleeping
            return
        try:
            yield lambda seconds: self._wait(seen, seconds)
        finally:
            with contextlib.suppress(self._libvirt.libvirtError):
                connection.close()

    def _open(self, uuid: str, alias: str | None, seen: list[str]) -> t.Any:
        binding = self._libvirt
        if not self._registered:
            binding.virEventRegisterDefaultImpl()
            self._registered = True
        connection = binding.open(self._uri)

        def noted(kind: str) -> t.Callable[..., None]:
            def note(_connection: object, _domain: object, device: str, _opaque: object) -> None:
                if alias is None or device == alias:
                    seen.append(kind)

            return note

        try:
            domain = connection.lookupByUUIDString(uuid)
            for event, kind in (
                (binding.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, REMOVED),
                (binding.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, REFUSED),
            ):
                connection.domainEventRegisterAny(domain, event, noted(kind), None)
        except binding.libvirtError:
            connection.close()
            raise
        return connection

    def _wait(self, seen: list[str], seconds: float) -> str | None:
        due: list[bool] = []
        # The loop's own timer: a round of it ends with the first thing that happens, and not without one.
        timer = self._libvirt.virEventAddTimeout(
            max(1, int(seconds * 1000)), lambda _timer, _opaque: due.append(True), None
        )
        try:
            while not seen and not due:
                self._libvirt.virEventRunDefaultImpl()
        finally:
            self._libvirt.virEventRemoveTimeout(timer)
        return seen.pop(0) if seen else None


def sleeping(seconds: float) -> str | None:
    """Wait without events."""
    time.sleep(seconds)
    return None
