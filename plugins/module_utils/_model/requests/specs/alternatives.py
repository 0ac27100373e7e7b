# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading `first_available`: lists of device specs, of which the first that can be had serves a request."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from .device_spec import parse_device_specs

if t.TYPE_CHECKING:
    from .device_spec import DeviceSpec

_EXAMPLE = '[["10de:20b5"], ["10de:1db6"]]'


def parse_alternatives(value: object, path: str, code: str) -> tuple[tuple[DeviceSpec, ...], ...]:
    """The specs of each alternative, two or more. Raises HostdevError with this code, or as parse_device_specs does."""
    wanted = f"a list of alternatives, each a list of device specs, such as {_EXAMPLE}"
    if not isinstance(value, (list, tuple)):
        raise HostdevError(code, subject=path, found=f"found {value!r}", wanted=wanted)
    for index, specs in enumerate(value):
        if not isinstance(specs, (list, tuple)):
            raise HostdevError(
                code,
                subject=f"{path}[{index}]",
                found=f"found {_written(specs)}",
                wanted="a list of device specs, one of which a device of this alternative must fit",
                remedy=f"put each alternative into brackets of its own: [{', '.join(map(_bracketed, value))}]",
            )
    if len(value) == 1:
        raise HostdevError(
            code,
            subject=path,
            found="one alternative",
            wanted="two or more",
            remedy=f"write specs: {_written(value[0])}, or put what comes second into brackets of its own",
        )
    read = tuple(parse_device_specs(specs, f"{path}[{index}]") for index, specs in enumerate(value))
    for index, specs in enumerate(read):
        if not specs:
            raise HostdevError(code, subject=f"{path}[{index}]", found="found []", wanted="at least one device spec")
    if not read:
        raise HostdevError(code, subject=path, found="found []", wanted=wanted)
    return read


def _bracketed(specs: object) -> str:
    return _written(specs if isinstance(specs, (list, tuple)) else [specs])


def _written(value: object) -> str:
    """A value as YAML takes it in one line."""
    if isinstance(value, t.Mapping):
        return "{" + ", ".join(f"{key}: {_written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
