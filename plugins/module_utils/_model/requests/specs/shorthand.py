# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device spec in short: both ids as `lspci -nn` prints them, `10de:20b2`. Only what is no mapping needs it."""

from __future__ import annotations

import re
import typing as t

from ... import values

if t.TYPE_CHECKING:
    from ...errors import HostdevError

_IDS = re.compile("([0-9a-f]{4}):([0-9a-f]{4})")
_ID = "(?:0[xX])?([0-9a-fA-F]{1,4})"
_NEARLY = re.compile(rf"\[?\s*{_ID}\s*:\s*{_ID}\s*\]?")
_ON_A_NODE = re.compile(rf"{_ID}:{_ID}@(?:node)?\s*([0-9]{{1,4}})")
_VENDOR = re.compile(rf"{_ID}\s*(?::\s*\*?)?")
_ADDRESS = re.compile(r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{1,2}:[0-9a-fA-F]{1,2}\.[0-7]")


def both_ids(value: object, path: str, keys: t.Collection[str]) -> dict[t.Any, str]:
    """The spec that is written out by `vendor_id` and `product_id`; `keys` are those that a mapping may have.

    Raises HostdevError with code invalid_spec for what is not just that, with what to write for what it is like.
    """
    match = _IDS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refused(value, path, keys)
    return {"vendor_id": match[1], "product_id": match[2]}


def _refused(value: object, path: str, keys: t.Collection[str]) -> HostdevError:
    short = 'or both ids as lspci -nn prints them, such as "10de:20b2"'
    error = values.invalid(path, value, f"a mapping with some of {', '.join(keys)}; {short}")
    if isinstance(value, str):
        meant = _meant(value.strip())
        return error.but(remedy=f"write {meant}") if meant else error
    # YAML 1.1 takes two numbers with a colon for one of base 60, unless the second has more than two digits.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 60:
        read = f"{value // 60}:{value % 60:02d}"
        return error.but(
            found=f"{error.found}, which is {read} without quotes",
            remedy=f"write four digits for each id, in quotes: {_quoted(*read.split(':'))}",
        )
    return error


def _meant(text: str) -> str | None:
    """What to write for a text that is nearly the two ids, or another criterion."""
    match = _NEARLY.fullmatch(text)
    if match is not None:
        return _quoted(*match.groups())
    match = _ON_A_NODE.fullmatch(text)
    if match is not None:
        vendor, product, node = match.groups()
        return f"{{vendor_id: {_four(vendor)}, product_id: {_four(product)}, numa_node: {int(node)}}}"
    match = _VENDOR.fullmatch(text)
    if match is not None:
        return f"{{vendor_id: {_four(match[1])}}} for all devices of a vendor"
    return f'{{address: "{text}"}}' if _ADDRESS.fullmatch(text) else None


def _four(digits: str) -> str:
    return f'"{digits.lower():0>4}"'


def _quoted(vendor: str, product: str) -> str:
    return f'"{vendor.lower():0>4}:{product.lower():0>4}"'
