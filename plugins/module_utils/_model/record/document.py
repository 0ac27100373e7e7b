# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON documents that somebody may have edited or broken: strict reading."""

from __future__ import annotations

import json
import math
import typing as t

from ..forms import DocumentError, below, shown

# Counts of devices and steps are far below; a number beyond has no use but to make something else fail.
_DIGITS = 18


class _Damaged(t.NamedTuple):
    """Stands for what can't be read, until its place is known."""

    found: str
    wanted: str
    key: str | None = None


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
        _check(value, "")
    except DocumentError:
        raise
    except (ValueError, RecursionError) as error:
        raise DocumentError("", f"{type(error).__name__}: {error}", "JSON") from error
    return value


def _check(value: object, path: str) -> None:
    if isinstance(value, _Damaged):
        raise DocumentError(path if value.key is None else below(path, value.key), value.found, value.wanted)
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DocumentError(path, "it has half of a surrogate pair", "Unicode text") from error
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, path)
            _check(inner, below(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")


def _integer(digits: str) -> int | _Damaged:
    if len(digits) > _DIGITS:
        return _Damaged(f"a number of {len(digits)} digits", f"at most {_DIGITS} digits")
    return int(digits)


def _fraction(text: str) -> float | _Damaged:
    number = float(text)
    return number if math.isfinite(number) else _Damaged(f"the number {text[:20]}", "a finite number")


def _constant(text: str) -> _Damaged:
    return _Damaged(text, "JSON, which has no such number")


def _mapping(pairs: list[tuple[str, object]]) -> dict[str, object] | _Damaged:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        return _Damaged(f"the key {shown(twice)} twice in one mapping", "each key once", twice)
    return mapping
