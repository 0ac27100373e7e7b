# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guards of a device that a request asks for by its address."""

from __future__ import annotations

import typing as t

from .blocker import Blocker, blocker
from .registry import guards_in

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.specs.allow_list import AllowList


def request_blockers(device: PciDevice, allow_list: AllowList) -> list[Blocker]:
    return [
        blocker(code, device.address, detail)
        for code, guard in _GUARDS
        if (detail := guard(device, allow_list)) is not None
    ]


def not_in_device_spec(device: PciDevice, allow_list: AllowList) -> str | None:
    return "the allow list does not permit it" if allow_list.tags_of(device) is None else None


_GUARDS = guards_in(globals())
