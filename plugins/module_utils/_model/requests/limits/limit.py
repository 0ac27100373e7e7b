# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits: how many devices claims may hold on a host, and by when these are due back."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass, field

from ...errors import HostdevError
from ...values import check_keys, is_unicode, number
from .labels import parse_labels
from .times import duration_meant, later, moment_meant, read_duration, read_moment

if t.TYPE_CHECKING:
    from ..request import Aliases
    from ..specs.device_spec import DeviceSpec

ALL = "all"
OWNER = "owner"
KEYS = ("owners", "labels", "alias", "specs", "most", "per", "until")
_CODE = "invalid_limit"
_UUID = 36  # letters that its text has


@dataclass(frozen=True)
class Due:
    """When devices are due back: at `moment`, or `seconds` after each was claimed."""

    moment: str | None = None
    seconds: int = 0

    def of(self, since: str) -> str:
        """When a device is due back that was claimed at `since`."""
        return later(since, self.seconds) if self.moment is None else self.moment


@dataclass(frozen=True)
class Limit:
    """What the claims that it covers may hold of the devices that fit one of `specs`, of all where that is None.

    It covers claims whose owner fits one of the patterns in `owners` and that have all `labels`; any where there are
    none. `most` devices may be held by all of them together, or with `per_owner` by each owner. `written` is the limit
    in words, as errors call it.
    """

    written: str
    owners: tuple[str, ...] = ()
    labels: t.Mapping[str, str] = field(default_factory=dict)
    specs: tuple[DeviceSpec, ...] | None = None
    most: int | None = None
    per_owner: bool = False
    due: Due | None = None

    def covers(self, names: t.Collection[str], labels: t.Mapping[str, str]) -> bool:
        """Whether a claim with these labels counts, whose owner has these names: a domain's name and its UUID."""
        owned = not self.owners or any(_names(one, name) for name in names for one in self.owners)
        return owned and self.labels.items() <= labels.items()

    @property
    def needs_details(self) -> bool:
        """Whether a spec is about details of functions, see DeviceSpec."""
        return any(spec.needs_details for spec in self.specs or ())


def _names(pattern: str, name: str) -> bool:
    """Whether a pattern is for a name: that very name, whatever signs it has, a UUID in any case, or a match."""
    return name in (pattern, pattern.lower() if len(pattern) == _UUID else None) or fnmatch.fnmatchcase(name, pattern)


def parse_limits(value: object, aliases: Aliases, path: str = "limits") -> tuple[Limit, ...]:
    """Read a list of `{owners: "ci-*", alias: a100, most: 2, until: 8h}`.

    Raises HostdevError with code invalid_limit, unknown_alias, or as parse_device_spec does.
    """
    if isinstance(value, t.Mapping):
        raise _refused(path, dict(value), "a list of limits", "put it into brackets: [{...}]")
    if isinstance(value, str) or not isinstance(value, t.Sequence):
        raise _refused(path, value, "a list of limits")
    return tuple(_parsed(entry, aliases, f"{path}[{index}]") for index, entry in enumerate(value))


def _parsed(entry: object, aliases: Aliases, path: str) -> Limit:
    if not isinstance(entry, t.Mapping):
        raise _refused(path, entry, 'a mapping such as {owners: "ci-*", alias: a100, most: 2}')
    check_keys(entry, KEYS, path, _CODE)
    given = {key: entry[key] for key in KEYS if entry.get(key) is not None}
    if "most" not in given and "until" not in given:
        raise HostdevError(
            "invalid_limit",
            subject=path,
            found="neither most nor until",
            wanted="at least one of them: how many, or how long",
        )
    if "per" in given and "most" not in given:
        raise _refused(f"{path}.per", given["per"], "most beside it", "add most, or leave per out")
    owners = _owners(given["owners"], f"{path}.owners") if "owners" in given else ()
    labels = parse_labels(given.get("labels", {}), f"{path}.labels", _CODE)
    specs = _specs(given, aliases, path)
    most = (
        number(given["most"], f"{path}.most", "a number of devices, 0 or more", 0, _CODE) if "most" in given else None
    )
    return Limit(
        f"{path} ({_words(owners, labels, given)})",
        owners,
        labels,
        specs,
        most,
        per_owner=_per(given.get("per", ALL), f"{path}.per") == OWNER,
        due=_due(given["until"], f"{path}.until") if "until" in given else None,
    )


def _words(owners: t.Sequence[str], labels: t.Mapping[str, str], given: t.Mapping[str, t.Any]) -> str:
    """What it covers, in a few words: `owners ci-*, alias a100`."""
    parts = [f"owners {' and '.join(owners)}"] if owners else []
    parts += [f"label {name}: {value}" for name, value in labels.items()]
    parts += [] if parts else ["every claim"]
    parts += [f"alias {given['alias']}"] if "alias" in given else ["by specs"] if "specs" in given else []
    return ", ".join(parts)


def _owners(value: object, path: str) -> tuple[str, ...]:
    """Patterns; a text is one of them."""
    patterns = [value] if isinstance(value, str) else value
    if isinstance(patterns, t.Mapping) or not isinstance(patterns, t.Sequence) or not patterns:
        raise _refused(path, value, 'a pattern such as "ci-*", or a list of them', "leave it out for every owner")
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str) or not pattern.strip() or not is_unicode(pattern):
            where = path if isinstance(value, str) else f"{path}[{index}]"
            raise _refused(where, pattern, "an owner's or domain's name, or a pattern such as \"ci-*\"")
    return tuple(pattern.strip() for pattern in patterns)


def _specs(given: t.Mapping[str, t.Any], aliases: Aliases, path: str) -> tuple[DeviceSpec, ...] | None:
    if "alias" in given and "specs" in given:
        raise _refused(f"{path}.specs", given["specs"], "one of alias and specs", "write two limits")
    if "alias" in given:
        from ..request import alias_named

        return alias_named(given["alias"], aliases, f"{path}.alias").specs
    if "specs" not in given:
        return None
    from ..specs.device_spec import parse_device_specs

    specs = parse_device_specs(given["specs"], f"{path}.specs")
    if not specs:
        raise _refused(f"{path}.specs", given["specs"], "at least one device spec", "leave it out for every device")
    return specs


def _per(value: object, path: str) -> str:
    if value not in (ALL, OWNER):
        from ...nearest import did_you_mean

        meant = did_you_mean(str(value), (ALL, OWNER))
        raise _refused(path, value, "all (all claims together) or owner (each owner by itself)", meant)
    return str(value)


def _due(value: object, path: str) -> Due:
    text = value if isinstance(value, str) else str(value)
    seconds, moment = read_duration(text), read_moment(text)
    if seconds is not None:
        return Due(seconds=seconds)
    if moment is not None:
        return Due(moment)
    moment_in_utc = moment_meant(text)
    meant = duration_meant(text) or (
        f"{moment_in_utc}, in UTC, or the same with an offset of yours" if moment_in_utc else ""
    )
    wanted = "a time with its offset such as 2026-12-01T18:00:00+01:00, or a duration such as 90m, 8h, 2d or 1w"
    raise _refused(path, value, wanted, f"did you mean {meant}?" if meant else "")


def _refused(path: str, value: object, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_limit", subject=path, found=f"found {value!r}", wanted=wanted, remedy=remedy)
