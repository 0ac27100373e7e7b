# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forms of what is on record: checks of a document's values, which name the path inside it."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import typing as t

from .address import normalize_address

Check = t.Callable[[object, str], None]
"""Takes a value and its path inside the document. Raises DocumentError."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,254}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class DocumentError(ValueError):
    """Something in a document is not as it must be: `path` is where, the empty text for all of it."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        self.path = path
        self.found = found
        self.wanted = wanted
        super().__init__(": ".join(filter(None, (path, f"{found}, wanted {wanted}"))))


def text(value: object, path: str) -> None:
    """Any text."""
    if not isinstance(value, str):
        raise wrong(path, value, "a text")


def name(value: object, path: str) -> None:
    """A text that is one part of a path in sysfs, and nothing but that: a device or a driver."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise wrong(path, value, "a name as sysfs has them")


def address(value: object, path: str) -> None:
    """A PCI address in the one spelling that sysfs has of it, by which all else is looked up."""
    try:
        if isinstance(value, str) and normalize_address(value) == value:
            return
    except ValueError:
        pass
    raise wrong(path, value, "a PCI address as sysfs spells it, such as 0000:3b:00.0")


def uuid(value: object, path: str) -> None:
    """A domain's UUID in the one spelling that libvirt has of it, by which the domain is found."""
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise wrong(path, value, "a UUID as libvirt spells it, in lower case and with hyphens")


def moment(value: object, path: str) -> None:
    """A point in time in the one spelling that the record has of it, so that texts sort as the times do."""
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        with contextlib.suppress(ValueError):
            datetime.datetime.fromisoformat(value[:-1])
            return
    raise wrong(path, value, "a time in UTC such as 2026-12-01T18:00:00Z")


def digits(count: int) -> Check:
    """This many hexadecimal digits, as the ids of devices are kept."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(f"[0-9a-f]{{{count}}}", value):
            raise wrong(path, value, f"{count} hexadecimal digits in lower case")

    return check


def decimal(value: object, path: str) -> None:
    """A whole number as a text."""
    if not isinstance(value, str) or not re.fullmatch("0|[1-9][0-9]*", value, re.ASCII):
        raise wrong(path, value, "a whole number as a text")


def flag(value: object, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(path, value, "true or false")


def scalar(value: object, path: str) -> None:
    """A text, a number, true, false or null."""
    if isinstance(value, (dict, list)):
        raise wrong(path, value, "one value")


def number(least: int) -> Check:
    """A whole number of `least` or more."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise wrong(path, value, f"a whole number, {least} or more")

    return check


def fraction(value: object, path: str) -> None:
    """A number above 0, whole or not."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value <= 0:
        raise wrong(path, value, "a number above 0")


def one_of(*words: str) -> Check:
    """One of these texts."""

    def check(value: object, path: str) -> None:
        if value not in words:
            raise wrong(path, value, " or ".join(words))

    return check


def nullable(inner: Check) -> Check:
    """Null, or what `inner` takes."""

    def check(value: object, path: str) -> None:
        if value is not None:
            inner(value, path)

    return check


def listed(inner: Check, *, unique: str | None = None, least: int = 0) -> Check:
    """A list of `least` or more that `inner` takes; no two mappings in it have the same value of the key `unique`."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise wrong(path, value, f"a list of {least} or more" if least else "a list")
        seen = set()
        for index, item in enumerate(value):
            inner(item, f"{path}[{index}]")
            if unique is None:
                continue
            if item[unique] in seen:
                raise DocumentError(below(f"{path}[{index}]", unique), f"found {item[unique]!r} again", "it once")
            seen.add(item[unique])

    return check


def each(inner: Check) -> Check:
    """A mapping, whatever its keys, whose values are all what `inner` takes."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong(path, value, "a mapping")
        for key, item in value.items():
            inner(item, below(path, key))

    return check


def mapping(needed: t.Mapping[str, Check], optional: t.Mapping[str, Check] | None = None) -> Check:
    """A mapping with the keys in `needed` and any of those in `optional`.

    Another key is refused: it would be lost when the document is written again, and may be one of these misspelt.
    """
    known = {**needed, **(optional or {})}

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong(path, value, "a mapping")
        for key in value:
            if key not in known:
                raise unknown(path, key, value[key], known)
        for key in needed:
            part(value, key, path)
        for key, inner in known.items():
            if key in value:
                inner(value[key], below(path, key))

    return check


def part(value: object, key: str, path: str) -> t.Any:
    """What a mapping has under a key, whatever else is in it."""
    if not isinstance(value, dict):
        raise wrong(path, value, "a mapping")
    if key not in value:
        raise DocumentError(below(path, key), "it is missing", "it there")
    return value[key]


def same(written: object, value: object, path: str) -> None:
    """Refuse what would be written otherwise than it stands in the document, where it differs first."""
    if isinstance(written, dict) and isinstance(value, dict):
        for key in {**written, **value}:
            if key not in value:
                raise DocumentError(below(path, key), "it is missing", shown(written[key]))
            if key not in written:
                raise wrong(below(path, key), value[key], "it left out, since it says nothing")
            same(written[key], value[key], below(path, key))
    elif isinstance(written, list) and isinstance(value, list) and len(written) == len(value):
        for index, (mine, item) in enumerate(zip(written, value)):
            same(mine, item, f"{path}[{index}]")
    elif type(written) is not type(value) or written != value:
        raise wrong(path, value, shown(written))


def below(path: str, key: str) -> str:
    """The path of a mapping's key."""
    plain = key if _NAME.fullmatch(key) and "." not in key else shown(key)
    return f"{path}.{plain}" if path else plain


def wrong(path: str, value: object, wanted: str) -> DocumentError:
    return DocumentError(path, f"found {shown(value)}", wanted)


def unknown(path: str, key: str, value: object, known: t.Collection[str]) -> DocumentError:
    """The error of a key that there is not, with the one that may be meant."""
    import difflib  # only what goes wrong needs it

    near = difflib.get_close_matches(key, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return wrong(below(path, key), value, "one of the keys " + ", ".join(known) + meant)


def shown(value: object) -> str:
    """A value in one short line, whatever is in it."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    plain = json.dumps(value)
    return plain if len(plain) <= 60 else f"{plain[:60]} ..."
