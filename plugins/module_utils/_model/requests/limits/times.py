# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Points in time as the record has them: UTC in ISO 8601 to the second, so that texts sort as the times do."""

from __future__ import annotations

import datetime
import re

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?",
    re.I | re.ASCII,
)
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([1-9]\d{0,6})\s*([mhdw])", re.ASCII)
_MEANT = re.compile(r"(\d{1,7})\s*(minute|min|hour|hr|day|week|)s?", re.I | re.ASCII)
# What every text of a point in time can hold, however long the duration: a century.
_LONGEST = 36525 * 86400


_LAST = "9999-12-31T23:59:59Z"


def read_moment(text: str) -> str | None:
    """A time with its offset from UTC, as the record spells it; None for what is none, or says no offset."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None or match["offset"] is None:
        return None
    hours = match["time"] if match["time"].count(":") == 2 else f"{match['time']}:00"
    offset = match["offset"].upper().replace("Z", "+00:00")
    offset = offset if ":" in offset else f"{offset[:3]}:{offset[3:]}"
    try:
        return _text(datetime.datetime.fromisoformat(f"{match['date']}T{hours}{offset}"))
    except (ValueError, OverflowError):
        return None


def moment_meant(text: str) -> str | None:
    """The same time with an offset, for one that has none; a date is its first moment."""
    for whole in (text.strip(), f"{text.strip()}T00:00:00"):
        if read_moment(f"{whole}+00:00") is not None:
            return f"{whole.replace(' ', 'T')}+00:00"
    return None


def read_duration(text: str) -> int | None:
    """The seconds of a duration such as 90m, 8h, 2d or 1w; None for what is none."""
    match = _DURATION.fullmatch(text.strip())
    seconds = 0 if match is None else int(match[1]) * _UNITS[match[2]]
    return seconds if 0 < seconds <= _LONGEST else None


def duration_meant(text: str) -> str | None:
    """The duration that is meant by its unit in words, or without one."""
    match = _MEANT.fullmatch(text.strip())
    meant = None if match is None else f"{int(match[1])}{(match[2] or 'h')[0].lower()}"
    return meant if meant is not None and read_duration(meant) is not None else None


def later(moment: str, seconds: int) -> str:
    """The moment that many seconds after another one."""
    try:
        return _text(
            datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")) + datetime.timedelta(seconds=seconds)
        )
    except OverflowError:
        return _LAST


def _text(moment: datetime.datetime) -> str:
    utc = moment.astimezone(datetime.timezone.utc)
    return utc.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
