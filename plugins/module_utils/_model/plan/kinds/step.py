# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of step tells about itself: the one interface that plans, diffs, journals and recoveries go by."""

from __future__ import annotations

import typing as t
from dataclasses import replace

if t.TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from ...forms import Check
    from .host_now import HostNow

_S = t.TypeVar("_S", bound="Step")


class Step:
    """A transition of one thing of the host or of a domain; `before` and `after` are the thing's state.

    A new kind is a frozen dataclass in a file of its own, in the table of `plan/steps.py`, and what carries it out in
    that of `_host/change/steps/executors.py`. What a kind does not say is said here, for a step that touches neither
    driver nor domain.

    `address` is the device that changes, None where it is none; `domain`, `uuid` and `place` tell the part of a domain
    that changes, None for a step that is of the host alone.
    """

    kind: t.ClassVar[str]
    """The word for it in the journal and in results."""

    FORM: t.ClassVar[Check]
    """The form of what as_dict writes."""

    section: t.ClassVar[str | None] = None
    """The header of the diff that its `lines` stand under; None for what changes a domain's XML."""

    changes_driver: t.ClassVar[bool] = False
    """Whether it takes a function from its driver."""

    makes_way: t.ClassVar[bool] = False
    """Whether a claim takes its element out of a domain only for the one that it puts there instead."""

    # Without values: these would be the defaults of the dataclasses' fields.
    before: t.Any
    after: t.Any
    address: str | None
    domain: str | None
    uuid: str | None
    place: str | None

    @property
    def attaches(self) -> bool:
        """Whether it puts a device into a domain."""
        return False

    @property
    def takes_device(self) -> bool:
        """Whether it takes a device from whoever has it, so that it must not be in use by then."""
        return self.changes_driver

    @property
    def needs_device(self) -> bool:
        """Whether it can't be done while the device does not answer."""
        return False

    @property
    def takes_after_reboot(self) -> bool:
        """Whether it takes or sets up for a guest what the host may use again once it was rebooted."""
        return False

    def inverse(self: _S) -> _S:
        """The step that leads back: from `after` to `before`."""
        return t.cast("_S", replace(t.cast("t.Any", self), before=self.after, after=self.before))

    def as_dict(self) -> dict[str, t.Any]:
        """The step as the journal has it."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls: type[_S], data: t.Mapping[str, t.Any]) -> _S:
        """Read a step as as_dict wrote it."""
        raise NotImplementedError

    def command(self) -> str:
        """The command that does the same: one line for any POSIX shell, whatever XML and the record hold."""
        raise NotImplementedError

    def lines(self) -> tuple[str, str]:
        """The thing before and after, each in a line without its end, for a step that has a `section`."""
        raise NotImplementedError

    def foretell(self, devices: ET.Element) -> None:
        """Change the `<devices>` of its place of the domain as libvirt will."""

    def missing(self, now: HostNow) -> str | None:
        """Why a step that is done late is left out, since what it was for is gone; None while it is there."""
        return None

    def first(self, now: HostNow) -> t.Iterable[Step]:
        """What must be done before a step that is done late, as the host is by then. Raises HostdevError."""
        return ()
