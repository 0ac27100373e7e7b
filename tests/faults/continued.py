# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host at one moment, and what was tried from such a moment on: from the same one it would end the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import picture

# The lock, which says when it was taken, and what was handed on between processes.
_LEFT_OUT = ("/host/run/", "/state")
# The record's folder has what is another one each time: since when a device is set aside, names of temporary files.
_RECORD = "/host/etc/"
_VARYING = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=\.hostdev\.)[a-z0-9_]{8}(?=\.tmp)")

_T = TypeVar("_T")


class Moment:
    """All of a host as it is now, read once: its files, what is put away beside them, and what its stand-ins know."""

    def __init__(self, host: FakeHost) -> None:
        self.files = picture(host.root.parent)
        self.state = _state(host, self.files)
        """What is compared when a run is through."""
        self._memory = (host.memory(), host.plugged, host.system.environ, host.libvirt.deaf, host.on_detach_timeout)

    def key(self) -> bytes:
        """The same for two moments from which all that follows is the same."""
        lines = [
            _VARYING.sub("", f"{path} {what}") if path.startswith(_RECORD) else f"{path} {what}"
            for path, what in self.files.items()
            if not path.startswith(_LEFT_OUT)
        ]
        return hashlib.sha256("\n".join([*sorted(lines), str(self._memory)]).encode()).digest()


class Continued:
    """What came of a moment, by what was done from there on; what went wrong is not kept, but tried each time."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Any] = {}

    def once(self, moment: Moment, how: tuple[object, ...], work: Callable[[], _T]) -> _T:
        """Do the work, or return what it returned before, from the same moment and done in the same way."""
        key = (moment.key(), *how)
        if key not in self._known:
            self._known[key] = work()
        known: _T = self._known[key]
        return known


def _state(host: FakeHost, files: dict[str, str]) -> Any:
    record = {"claims": [], "needs_cleaning": [], "vfs": [], **(host.record_or_none() or {})}
    below = f"/{host.root.name}/sys"
    tree = {path[len(below) :]: what for path, what in files.items() if path.startswith(f"{below}/")}
    tree.pop("/bus/pci/drivers/vfio-pci", None)  # the module stays loaded, nothing is taken from anybody by that
    claims = sorted(record["claims"], key=lambda claim: claim["owner"]["id"])  # which was written last is no difference
    kept = (claims, record["needs_cleaning"], record["vfs"])
    return (({**tree, **host.links.picture()}, host.domains_state()), *kept)
