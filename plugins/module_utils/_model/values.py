# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the values of options. Each raises HostdevError, with code invalid_spec unless told otherwise."""

from __future__ import annotations

import json
import math
import re
import typing as t

from .errors import HostdevError

NO_DRIVER = "none"
"""What a spec says for a device without a driver."""

_TRUE = frozenset("1 t true on y yes".split())
_FALSE = frozenset("0 f false off n no".split())

# A number of more digits the record does not take back.
_BEYOND = 10**17


def invalid(path: str, value: object, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_spec", subject=path, found=f"found {value!r}", wanted=wanted, remedy=remedy)


def check_keys(value: t.Mapping[object, object], keys: t.Sequence[str], path: str, code: str = "invalid_spec") -> None:
    """Refuse a key that is none of these, and say which is meant."""
    for key in value:
        if key not in keys:
            from .nearest import did_you_mean

            raise HostdevError(
                code,
                subject=f"{path}.{key}",
                found=f"found {value[key]!r}",
                wanted="one of " + ", ".join(keys),
                remedy=did_you_mean(str(key), keys),
            )


def from_json(value: object) -> object:
    """What a text says as JSON, None when it is none; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return t.cast("object", json.loads(value))
    except (ValueError, RecursionError):  # the latter of brackets without end
        return None


def identifier(value: object, path: str) -> str | None:
    """Four digits in lower case, None for `*`."""
    wanted = 'four hexadecimal digits in quotes, such as "8086", or "*"'
    digits = _hexadecimal(value, path, wanted, (4,))
    if digits == "*":
        return None
    if not re.fullmatch("[0-9a-f]+", digits) or int(digits, 16) > 0xFFFF:
        raise invalid(path, value, wanted)
    return f"{int(digits, 16):04x}"


def class_prefix(value: object, path: str) -> str:
    wanted = 'two, four or six hexadecimal digits in quotes, such as "0200"'
    digits = _hexadecimal(value, path, wanted, (2, 4, 6))
    if not re.fullmatch("(?:[0-9a-f]{2}){1,3}", digits):
        raise invalid(path, value, wanted)
    return digits


def _hexadecimal(value: object, path: str, wanted: str, widths: t.Collection[int]) -> str:
    if not isinstance(value, str):
        from .unquoted import with_quotes  # only what goes wrong needs it

        raise with_quotes(invalid(path, value, wanted), value, widths)
    digits = value.strip().lower()
    return digits[2:] if digits.startswith("0x") else digits


def word_of(*words: str) -> t.Callable[[object, str], str]:
    """A reader of one of these words."""

    def read(value: object, path: str) -> str:
        if value not in words:
            raise invalid(path, value, "one of " + ", ".join(words))
        return str(value)

    return read


def numa_node(value: object, path: str) -> int:
    return number(value, path, "a NUMA node's number, 0 or more", 0)


def number(value: object, path: str, wanted: str, least: int, code: str = "invalid_spec") -> int:
    """A whole number, also as text, as templates give it."""
    integer = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value.strip()) else value
    if isinstance(integer, bool) or not isinstance(integer, int) or not least <= integer < _BEYOND:
        raise HostdevError(code, subject=path, found=f"found {value!r}", wanted=wanted)
    return integer


def text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid(path, value, "a text", "" if isinstance(value, str) else "put it into quotes")
    return value.strip()


def interface(value: object, path: str) -> str | None:
    """A network interface's name, None for an empty one."""
    return None if value == "" else text(value, path)


def driver(value: object, path: str) -> str:
    return NO_DRIVER if value is None else text(value, path)


def network(value: object, path: str) -> str | None:
    """A physical network's name; null, which is for tunnelled networks, is a value too."""
    return None if value is None else text(value, path)


def flag(value: object, path: str) -> str:
    """Nova's strict boolean as "true" or "false"."""
    word = str(value).strip().lower() if isinstance(value, (str, bool, int)) else ""
    if word in _TRUE:
        return "true"
    if word in _FALSE:
        return "false"
    raise invalid(path, value, "true or false")


def names(value: object, path: str) -> tuple[str, ...]:
    """A list of names, or Nova's text with commas between them."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise invalid(path, value, "a list of names")
    return tuple(part.strip() for part in parts)


def tags(value: object, path: str, reserved: t.Collection[str]) -> dict[str, t.Any]:
    """Names to values as they are; a name must be none of a spec's own keys."""
    if not isinstance(value, t.Mapping):
        raise invalid(path, value, "a mapping of tag names to values")
    labels = {}
    for key, tag in value.items():
        if key in reserved:
            raise invalid(f"{path}.{key}", tag, "a name that is no key of a device spec", f"write {key} beside tags")
        if not all(_can_be_kept(part) for part in (tag if isinstance(tag, list) else [tag])):
            raise invalid(
                f"{path}.{key}",
                tag,
                "a text, a number of at most 17 digits, true or false, null, or a list of those",
            )
        labels[str(key)] = tag
    return labels


def _can_be_kept(value: object) -> bool:
    """Whether the record can hold a value so that it can be read again, see record.document.read_document."""
    if isinstance(value, str):
        return is_unicode(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) < _BEYOND)


def is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON can write and nothing can print or read again."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
