# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Aliases, as requests name them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .numa_policy import LEGACY

if t.TYPE_CHECKING:
    from .device_spec import DeviceSpec


@dataclass(frozen=True)
class Alias:
    """What a device must fit, one of `specs`, and the NUMA policy of requests that don't say one."""

    specs: tuple[DeviceSpec, ...]
    numa_policy: str = LEGACY


Aliases = t.Mapping[str, Alias]
