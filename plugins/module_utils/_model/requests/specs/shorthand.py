# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device spec in short: both ids as `lspci -nn` prints them, `10de:20b2`. Only what is no mapping needs it."""

from __future__ import annotations

import re
import typing as t

from ... import values

if t.TYPE_CHECKING:
    from ...errors import HostdevError

_WANTED = 'both ids as lspci -nn prints them, such as "10de:20b2", or a mapping such as {vendor_id: "10de"}'
_IDS = re.compile("([0-9a-f]{4}):([0-9a-f]{4})")
_ID = "(?:0[xX])?([0-9a-fA-F]{1,4})"
_NEARLY = re.compile(rf"\[?\s*{_ID}\s*:\s*{_ID}\s*\]?")
_IN_A_LINE = re.compile(r"\[([0-9a-f]{4}):([0-9a-f]{4})\]")
_ON_A_NODE = re.compile(rf"{_ID}:{_ID}@(?:node)?\s*([0-9]{{1,4}})")
_CLASS = re.compile("0[0-9a-fA-F](?:[0-9a-fA-F]{2}){0,2}")
_VENDOR = re.compile(rf"{_ID}\s*(?::\s*\*?)?")
_ADDRESS = re.compile(
    r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{1,2}:[0-9a-fA-F]{1,2}\.[0-7]|pci(?:_[0-9a-f]{4,8})(?:_[0-9a-f]{2}){2}_[0-7]"
)


def both_ids(value: object, path: str) -> dict[t.Any, str]:
    """The spec that is written out by `vendor_id` and `product_id`.

    Raises HostdevError with code invalid_spec for what is not just that, with what to write for what it is like.
    """
    match = _IDS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _refused(value, path)
    return {"vendor_id": match[1], "product_id": match[2]}


def _refused(value: object, path: str) -> HostdevError:
    error = values.invalid(path, value, _WANTED)
    if isinstance(value, str):
        meant = _meant(value.strip())
        return error.but(remedy=f"write {meant}") if meant else error
    if isinstance(value, int) and not isinstance(value, bool):
        read = _read_as(value)
        if read:
            return error.but(
                found=f"{error.found}, which is {' or '.join(read)} without quotes",
                remedy=f"put what is meant into quotes: {' or '.join(read.values())}",
            )
    return error


def _meant(text: str) -> str | None:
    """What to write for a text that is nearly the two ids, or another criterion."""
    several = [_NEARLY.fullmatch(part) for part in re.split(r"[\s,;|]+", text)]
    if len(several) > 1 and all(several):
        return f"a list: [{', '.join(_quoted(*match.groups()) for match in several if match)}]"
    match = _NEARLY.fullmatch(text) or _IN_A_LINE.search(text)
    if match is not None:
        return _quoted(*match.groups())
    match = _ON_A_NODE.fullmatch(text)
    if match is not None:
        vendor, product, node = match.groups()
        return f"{{vendor_id: {_four(vendor)}, product_id: {_four(product)}, numa_node: {int(node)}}}"
    if _CLASS.fullmatch(text):
        return f'{{class: "{text.lower()}"}} for all devices of a class'
    match = _VENDOR.fullmatch(text)
    if match is not None:
        return f"{{vendor_id: {_four(match[1])}}} for all devices of a vendor"
    return f'{{address: "{text}"}}' if _ADDRESS.fullmatch(text) else None


def _read_as(number: int) -> dict[str, str]:
    """What YAML may have read as this number, with what to write instead."""
    if 0xFFFF < number <= 0xFFFFFFFF:
        ids = f"{number:08x}"
        read = {f"0x{ids}": _quoted(ids[:4], ids[4:])}
    else:
        from ...unquoted import digits_meant

        meant = digits_meant(number, (4,))
        read = {written: f"{{vendor_id: {_four(digits)}}}" for written, digits in meant.items()}
    # YAML 1.1 takes two numbers with a colon for one of base 60, unless the second has more than two digits.
    if 60 <= number < 60 * 10_000:
        vendor, product = f"{number // 60}", f"{number % 60:02d}"
        read[f"{vendor}:{product}"] = _quoted(vendor, product)
    return read


def _four(digits: str) -> str:
    return f'"{digits.lower():0>4}"'


def _quoted(vendor: str, product: str) -> str:
    return f'"{vendor.lower():0>4}:{product.lower():0>4}"'
