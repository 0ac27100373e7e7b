# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address of a device spec: one address, a pattern with `*`, or a mapping of regular expressions.

The grammar is OpenStack Nova's, but for domains wider than four digits and regular expressions that must fit the whole
field.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ...address import PciAddress
from ...errors import HostdevError

if t.TYPE_CHECKING:
    from ...host.device import PciDevice

_FIELDS = ("domain", "bus", "slot", "function")
_LARGEST = {"domain": 0xFFFFFFFF, "bus": 0xFF, "slot": 0x1F, "function": 0x7}
_WIDTHS = {"domain": 4, "bus": 2, "slot": 2, "function": 1}
_ANY = "*"
_LITERAL = re.compile("[0-9a-f]+")
_SEPARATORS = re.compile("[:.]")
_WANTED = (
    "a PCI address such as 0000:3b:00.0, a pattern of it such as *:3b:*.0, or a mapping with some of "
    + ", ".join(_FIELDS)
)


@dataclass(frozen=True)
class AddressPattern:
    """`fields` are regular expressions for domain, bus, slot and function in sysfs spelling, None for any.

    `exact` is the address where all of it is given, as text or by expressions that are nothing but its digits (Nova's
    is_single_address); `written` is what a user would write.
    """

    fields: tuple[re.Pattern[str] | None, ...]
    written: str | t.Mapping[str, str]
    exact: str | None = None

    def covers(self, device: PciDevice) -> bool:
        """Whether the device is at such an address; an exact address of a PF covers its VFs too."""
        if self.exact is not None:
            return self.exact in (device.address, device.physical_function)
        return self._fits(device.address)

    def names(self, address: str) -> bool:
        """Whether bus, slot and function are spelled out, and are those of this address."""
        return self.names_one and self._fits(address)

    @property
    def names_one(self) -> bool:
        """Whether bus, slot and function are spelled out."""
        return isinstance(self.written, str) and None not in self.fields[1:]

    def _fits(self, address: str) -> bool:
        parts = _SEPARATORS.split(address)
        return all(wanted is None or wanted.fullmatch(text) for wanted, text in zip(self.fields, parts))


def read_address(value: object, path: str) -> AddressPattern | None:
    """Read it, None for an empty text, which leaves the address open.

    Raises HostdevError: invalid_address for another form, invalid_spec for a field out of its range.
    """
    if value == "":
        return None
    if isinstance(value, t.Mapping):
        return _expressions(value, path)
    if not isinstance(value, str):
        from ...unquoted import address_meant, and_quotes

        raise and_quotes(_invalid("invalid_address", path, value, _WANTED), address_meant(value))
    if value.strip().startswith("pci_"):
        try:
            return _pattern(value, str(PciAddress.parse(value)), path)
        except ValueError as error:
            raise _invalid("invalid_address", path, value, _WANTED) from error
    return _pattern(value, value, path)


def _pattern(value: object, text: str, path: str) -> AddressPattern:
    """`[[[domain:]bus:]slot][.function]`, where what is missing, empty or `*` is any."""
    left, _dot, function = text.partition(".")
    parts = left.split(":")
    if len(parts) > 3:
        raise _invalid("invalid_address", path, value, _WANTED)
    parts = [""] * (3 - len(parts)) + parts + [function]
    digits = [_digits(name, part.strip(), path, value) for name, part in zip(_FIELDS, parts)]
    domain, bus, slot, number = (part or _ANY for part in digits)
    written = f"{domain}:{bus}:{slot}.{number}"
    fields = tuple(None if part is None else re.compile(part) for part in digits)
    return AddressPattern(fields, written, written if None not in digits else None)


def _digits(name: str, text: str, path: str, value: object) -> str | None:
    if text in ("", _ANY):
        return None
    if not re.fullmatch("(0[xX])?[0-9a-fA-F]+", text) or int(text, 16) > _LARGEST[name]:
        raise _invalid(
            "invalid_spec", path, value, f"{name} as * or a hexadecimal number up to {_LARGEST[name]:X}, not {text!r}"
        )
    return f"{int(text, 16):0{_WIDTHS[name]}x}"


def _expressions(value: t.Mapping[object, object], path: str) -> AddressPattern:
    for key in value:
        if key not in _FIELDS:
            from ...nearest import did_you_mean

            remedy = did_you_mean(str(key), _FIELDS)
            raise _invalid("invalid_spec", f"{path}.{key}", value[key], "one of " + ", ".join(_FIELDS), remedy)
    written = {name: value[name] for name in _FIELDS if value.get(name) is not None}
    fields = tuple(_expression(written.get(name), f"{path}.{name}") for name in _FIELDS)
    texts = [written.get(name) for name in _FIELDS]
    single = all(isinstance(text, str) and _LITERAL.fullmatch(text) for text in texts)
    exact = "{}:{}:{}.{}".format(*texts) if single else None
    return AddressPattern(fields, t.cast("dict[str, str]", written), exact)


def _expression(value: object, path: str) -> re.Pattern[str] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid(
            "invalid_address",
            path,
            value,
            "a regular expression",
            "put it into quotes, with leading zeros, in lower case",
        )
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:  # the latter: a{99999999999}, and brackets without end
        raise _invalid("invalid_address", path, value, f"a regular expression ({error})") from error


def _invalid(code: str, path: str, value: object, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError(code, subject=path, found=f"found {value!r}", wanted=wanted, remedy=remedy)
