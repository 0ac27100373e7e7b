# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON documents that somebody may have edited or broken: strict reading, and checks that name the path inside."""

from __future__ import annotations

import json
import math
import re
import typing as t

Check = t.Callable[[object, str], None]
"""Takes a value and its path inside the document. Raises DocumentError."""

# Counts of devices and steps are far below; a number beyond has no use but to make something else fail.
_DIGITS = 18
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,254}")


class DocumentError(ValueError):
    """Something in a document is not as it must be: `path` is where, the empty text for all of it."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        self.path = path
        self.found = found
        self.wanted = wanted
        super().__init__(": ".join(filter(None, (path, f"{found}, wanted {wanted}"))))


def read_document(data: bytes) -> object:
    """The value of a JSON text in UTF-8. Raises DocumentError.

    Stricter than Python's reader: no NaN, which is no JSON; no number of many digits; no key twice, of which the
    first would be lost; no half of a surrogate pair, which can't be written again.
    """
    if not data.strip():
        raise DocumentError("", "it is empty" if not data else "it is blank", "JSON")
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            parse_int=_integer,
            parse_float=_fraction,
            parse_constant=_constant,
            object_pairs_hook=_mapping,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except DocumentError:
        raise
    except UnicodeEncodeError as error:
        raise DocumentError("", "it has half of a surrogate pair", "Unicode text") from error
    except (ValueError, RecursionError) as error:
        raise DocumentError("", f"{type(error).__name__}: {error}", "JSON") from error
    return value


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise DocumentError("", f"a number of {len(digits)} digits", f"at most {_DIGITS} digits")
    return int(digits)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentError("", f"the number {text[:20]}", "a finite number")
    return number


def _constant(text: str) -> t.NoReturn:
    raise DocumentError("", text, "JSON, which has no such number")


def _mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DocumentError("", f"the key {_shown(twice)} twice in one mapping", "each key once")
    return found


def text(value: object, path: str) -> None:
    """Any text."""
    if not isinstance(value, str):
        raise _wrong(path, value, "a text")


def name(value: object, path: str) -> None:
    """A text that is one part of a path in sysfs, and nothing but that: a device or a driver."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _wrong(path, value, "a name as sysfs has them")


def flag(value: object, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(path, value, "true or false")


def scalar(value: object, path: str) -> None:
    """A text, a number, true, false or null."""
    if isinstance(value, (dict, list)):
        raise _wrong(path, value, "one value")


def number(least: int) -> Check:
    """A whole number of `least` or more."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise _wrong(path, value, f"a whole number, {least} or more")

    return check


def one_of(*words: str) -> Check:
    """One of these texts."""

    def check(value: object, path: str) -> None:
        if value not in words:
            raise _wrong(path, value, " or ".join(words))

    return check


def nullable(inner: Check) -> Check:
    """Null, or what `inner` takes."""

    def check(value: object, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def listed(inner: Check) -> Check:
    """A list of what `inner` takes."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise _wrong(path, value, "a list")
        for index, one in enumerate(value):
            inner(one, f"{path}[{index}]")

    return check


def each(inner: Check) -> Check:
    """A mapping, whatever its keys, whose values are all what `inner` takes."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(path, value, "a mapping")
        for key, one in value.items():
            inner(one, _below(path, key))

    return check


def mapping(needed: t.Mapping[str, Check], optional: t.Mapping[str, Check] | None = None) -> Check:
    """A mapping with the keys in `needed`; others are let through, and looked at if they are in `optional`."""
    known = {**needed, **(optional or {})}

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(path, value, "a mapping")
        for key in needed:
            if key not in value:
                raise DocumentError(_below(path, key), "it is missing", "it there")
        for key, inner in known.items():
            if key in value:
                inner(value[key], _below(path, key))

    return check


def _below(path: str, key: str) -> str:
    shown = key if _NAME.fullmatch(key) and "." not in key else _shown(key)
    return f"{path}.{shown}" if path else shown


def _wrong(path: str, value: object, wanted: str) -> DocumentError:
    return DocumentError(path, f"found {_shown(value)}", wanted)


def _shown(value: object) -> str:
    """A value in one short line, whatever is in it."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else f"{shown[:60]} ..."
