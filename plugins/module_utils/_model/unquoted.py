# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stood in YAML where a value without quotes came as a number: ids, classes, addresses of PCI and of networks.

YAML 1.1 reads 0x10de as 4318, 0302 as the octal 194, and numbers with colons as such of base 60, with a fraction or
without (yaml.org/type/int.html, yaml.org/type/float.html). JSON and YAML 1.2 read 1e10 as a number too.
"""

from __future__ import annotations

import re
import typing as t

from .errors import HostdevError


def with_quotes(error: HostdevError, value: object, widths: t.Collection[int]) -> HostdevError:
    """The error of a value that is no text, with the digits that were meant; an id or class has one of the widths."""
    meant = digits_meant(value, widths)
    if not meant:
        return error.but(remedy="put the digits into quotes")
    written, digits = list(meant), [f'"{text}"' for text in dict.fromkeys(meant.values())]
    return error.but(
        found=f"{error.found}, which is {written[0]} without quotes" + "".join(f", or {text}" for text in written[1:]),
        remedy=f"put the digits into quotes: {' or '.join(digits)}",
    )


def digits_meant(value: object, widths: t.Collection[int]) -> dict[str, str]:
    """What may have been written, with the hexadecimal digits that it is in quotes, the likeliest first."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        return {}
    if isinstance(value, float):
        return {text: text for text in _exponents(value) if len(text) in widths}
    width = next((width for width in sorted(widths) if value < 16**width), None)
    meant = {} if width is None else {f"0x{value:0{width}x}": f"{value:0{width}x}"}
    other = next((text for text in (str(value), f"0{value:o}") if len(text) in widths), None)
    if other is None:
        return meant
    # Few classes begin with other digits than these (PCI Code and ID Assignment Specification), and 0302 is octal.
    return {other: other, **meant} if 2 in widths and other[0] == "0" else {**meant, other: other}


def _exponents(value: float) -> t.Iterator[str]:
    """How a float can be written with an `e` among digits; also with a zero before the exponent."""
    for exponent in range(100) if 0 < value < 1e300 else ():
        digits = f"{value / 10.0**exponent:.0f}"
        if digits != "0" and float(f"{digits}e{exponent}") == value:
            yield from dict.fromkeys((f"{digits}e{exponent}", f"{digits}e{exponent:02d}"))


def address_meant(value: object) -> str | None:
    """The PCI address that came as a number of base 60, of which Ansible may have made a text again."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,12}", value.strip()):
        value = float(value)
    if not isinstance(value, float) or not 0 <= value < 1e9:
        return None
    whole = int(value)
    function = round((value - whole) * 10)
    slot, above = whole % 60, whole // 60
    domain, bus = (0, above) if above < 100 else (above // 60, above % 60)
    if function > 7 or abs(value - whole - function / 10) > 1e-6 or slot > 19:  # the slot's digits are up to 1f
        return None
    return f"{domain:04d}:{bus:02d}:{slot:02d}.{function}"


def mac_meant(value: object) -> str | None:
    """The MAC address that came as a number of base 60."""
    if isinstance(value, bool) or not isinstance(value, int) or not 60**5 <= value < 100 * 60**5:
        return None
    return ":".join(f"{value // 60**place % (60 if place < 5 else 100):02d}" for place in range(5, -1, -1))


def and_quotes(error: HostdevError, meant: str | None) -> HostdevError:
    """The error with what was meant by its value, where that can be told."""
    if meant is None:
        return error
    return error.but(
        found=f"{error.found}, which is {meant} without quotes", remedy=f'put the address into quotes: "{meant}"'
    )
