# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON documents that somebody may have edited or broken: strict reading."""

from __future__ import annotations

import json
import math
import typing as t

from ..forms import DocumentError, shown

# Counts of devices and steps are far below; a number beyond has no use but to make something else fail.
_DIGITS = 18


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
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DocumentError("", f"the key {shown(twice)} twice in one mapping", "each key once")
    return mapping
