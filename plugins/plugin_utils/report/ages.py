# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When facts were gathered, and how old those are that come from an earlier run."""

from __future__ import annotations

import calendar
import time
import typing as t

if t.TYPE_CHECKING:
    from .models import Facts, Hosts

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_HOUR, _DAY = 3600, 24 * 3600
UNKNOWN = "gathered at an unknown time"


def gathered_at(facts: Facts) -> str | None:
    """When they were gathered by the host's clock: UTC in ISO 8601, such as 2026-11-28T07:00:00Z.

    None where they do not tell: without their part `host`, or from a release that told no time.
    """
    seconds = _seconds(facts)
    return None if seconds is None else time.strftime(_FORM, time.gmtime(seconds))


def told(facts: Facts) -> str:
    """The same for people, such as `gathered 2026-11-28 07:00 UTC`."""
    at = gathered_at(facts)
    return UNKNOWN if at is None else f"gathered {at[:10]} {at[11:16]} UTC"


def age(facts: Facts, now: float) -> str:
    """How old they are, such as `5 hours` or `3 days`; empty below an hour, and where nobody knows.

    `now` is in seconds since 1970.
    """
    seconds = _seconds(facts)
    if seconds is None or now - seconds < _HOUR:
        return ""
    number, word = divmod(int(now - seconds), _DAY)[0], "day"
    if number < 2:
        number, word = int(now - seconds) // _HOUR, "hour"
    return f"{number} {word}{'' if number == 1 else 's'}"


def ages(hosts: Hosts, now: float) -> dict[str, str]:
    """The age of the facts of each host that are older than an hour, by its name."""
    told_ages = {name: age(facts, now) for name, facts in hosts.items() if facts is not None}
    return {name: text for name, text in told_ages.items() if text}


def _seconds(facts: Facts) -> int | None:
    text = (facts.get("host") or {}).get("gathered_at")
    try:
        return calendar.timegm(time.strptime(str(text), _FORM))
    except ValueError:
        return None
