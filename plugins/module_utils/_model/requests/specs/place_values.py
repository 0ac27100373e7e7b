# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what a device spec says of the place of a function. Each raises HostdevError."""

from __future__ import annotations

import re

from ... import values
from ...address import normalize_address
from ...errors import HostdevError

_ROOT = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}")
_NEARLY_ROOT = re.compile(r"(?:pci)?[\s:_]*((?:[0-9a-f]{4,8}[:_])?)([0-9a-f]{2})[:_]?")
_SLOT = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]")
_BUS_AND_SLOT = re.compile(r"[0-9a-fA-F]{1,2}:[01]?[0-9a-fA-F]")


def pcie_root(value: object, path: str) -> str:
    """The first root bus of a path, as the kernel calls it; else invalid_spec."""
    text = value.strip() if isinstance(value, str) else ""
    if _ROOT.fullmatch(text):
        return text
    match = _NEARLY_ROOT.fullmatch(text.lower())
    meant = "" if match is None else f'did you mean "pci{match[1][:-1] or "0000"}:{match[2]}"?'
    raise values.invalid(path, value, 'the first root bus of a path, such as "pci0000:16"', meant)


def slot(value: object, path: str) -> str:
    """An address without its function, in sysfs spelling; else invalid_address."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if _SLOT.fullmatch(text):
        return text
    error = _invalid(path, value, 'an address without its function, such as "0000:3b:00"')
    if not isinstance(value, str):
        raise error.but(remedy="put the slot into quotes")
    try:
        function = normalize_address(f"{text}.0" if _BUS_AND_SLOT.fullmatch(text) else text)
    except ValueError:
        raise error from None
    raise error.but(remedy=f'did you mean "{function.rpartition(".")[0]}"?')


def pcie_switch(value: object, path: str) -> str:
    """The address of a switch's upstream port, in sysfs spelling; else invalid_address."""
    try:
        return normalize_address(value)
    except ValueError as error:
        from ...unquoted import address_meant, and_quotes

        wrong = _invalid(path, value, 'the address of a PCIe switch, of its upstream port, such as "0000:3b:00.0"')
        if isinstance(value, str) and _SLOT.fullmatch(value.strip().lower()):
            raise wrong.but(remedy=f'did you mean "{value.strip().lower()}.0"?') from error
        raise and_quotes(wrong, address_meant(value)) from error


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError("invalid_address", subject=path, found=f"found {value!r}", wanted=wanted)
