# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs in netplan's YAML (netplan-yaml(5)), read by lines: a managed host's Python knows no YAML.

What is written in blocks, as netplan and cloud-init write it, is understood. Anything else that has one of the words is
told with its line, as what perhaps concerns the PF.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass, field

from .maker import NETPLAN, VfMaker, number

if t.TYPE_CHECKING:
    from .maker import Match, PfNames, Source

COUNT = "virtual-function-count"
_MODE = "embedded-switch-mode"
_WORDS = (COUNT, _MODE)
_KEY = re.compile(
    r"""(?P<indent>\ *)(?P<key>"[^"]*"|'[^']*'|[^\s#'"{}\[\]:,-][^\s:{}\[\]]*)\s*:(?:\s+(?P<value>.*))?$"""
)


class Line(t.NamedTuple):
    """One key with the keys above it, and its value, which is "" where a block follows."""

    keys: tuple[str, ...]
    value: str
    number: int


@dataclass
class _Card:
    """What all files say of one entry below `ethernets`."""

    conditions: dict[str, str] = field(default_factory=dict)
    mentions: list[tuple[str, Line]] = field(default_factory=list)
    link: str | None = None
    link_at: tuple[str, Line] | None = None


def netplan_makers(sources: t.Sequence[Source], pf: PfNames) -> list[VfMaker]:
    """What all files together say; later ones add to those before them."""
    cards: dict[str, _Card] = {}
    makers: list[VfMaker] = []
    for source in sources:
        lines = block_lines(source.text)
        for line in lines:
            if line.keys[:2] == ("network", "ethernets") and len(line.keys) > 3:
                _note(cards.setdefault(line.keys[2], _Card()), source.path, line)
        makers += _unread(source, {line.number for line in lines if line.keys[-1] in _WORDS})
    for name, card in cards.items():
        match = _matches(name, card, pf)
        if match is not False:
            makers += _of_card(name, card, cards, certain=match is True)
    return makers


def _note(card: _Card, path: str, line: Line) -> None:
    key = line.keys[3]
    if key == "match" and len(line.keys) == 5:
        card.conditions[line.keys[4]] = line.value
    elif key in _WORDS:
        card.mentions.append((path, line))
    elif key == "link":
        card.link, card.link_at = line.value, (path, line)


def _of_card(name: str, card: _Card, cards: t.Mapping[str, _Card], *, certain: bool) -> list[VfMaker]:
    makers = [
        VfMaker(
            NETPLAN,
            path,
            line.number,
            f"{name}: {line.keys[-1]}: {line.value}",
            certain,
            number(line.value) if line.keys[-1] == COUNT else None,
        )
        for path, line in card.mentions
    ]
    vfs = [vf for vf in cards.values() if vf.link == name and vf.link_at is not None]
    if vfs and not any(maker.count is not None for maker in makers):
        # netplan makes as many VFs as say that they are of this PF.
        path, line = vfs[0].link_at or ("", Line((), "", 0))
        makers.append(VfMaker(NETPLAN, path, line.number, f"{line.keys[2]}: link: {name}", certain, len(vfs)))
    return makers


def _matches(name: str, card: _Card, pf: PfNames) -> Match:
    """An entry's name is the interface's, unless it says what to match."""
    if not card.conditions:
        return name in pf.interfaces if pf.interfaces else None
    unknown = False
    for key, value in card.conditions.items():
        if key == "macaddress":
            match: Match = pf.has_mac(value) if pf.macs else None
        elif key == "name":
            match = any(fnmatch.fnmatchcase(own, value) for own in pf.interfaces) if pf.interfaces else None
        else:
            match = _driver_matches(value, pf.driver) if key == "driver" else None
        if match is False:
            return False
        unknown = unknown or match is None
    return None if unknown else True


def _driver_matches(pattern: str, driver: str | None) -> Match:
    return None if driver is None or not pattern else fnmatch.fnmatchcase(driver, pattern)


def _unread(source: Source, read: t.Collection[int]) -> list[VfMaker]:
    """Lines with one of the words that were not understood: they are in braces, say."""
    return [
        VfMaker(NETPLAN, source.path, line, content.strip(), certain=False)
        for line, content in enumerate(source.text.split("\n"), 1)
        if line not in read and any(word in _without_comment(content) for word in _WORDS)
    ]


def block_lines(text: str) -> list[Line]:
    """Keys of block mappings, with those above them by their indentation. Lists and braces are no part of that."""
    lines: list[Line] = []
    above: list[tuple[int, str]] = []
    for place, raw in enumerate(text.split("\n"), 1):
        found = _KEY.match(_without_comment(raw))
        if found is None:
            continue
        indent, key = len(found["indent"]), found["key"].strip("\"'")
        while above and above[-1][0] >= indent:
            above.pop()
        above.append((indent, key))
        value = (found["value"] or "").strip()
        lines.append(Line(tuple(name for _indent, name in above), value.strip("\"'"), place))
    return lines


def _without_comment(line: str) -> str:
    if line.lstrip().startswith("#"):
        return ""
    return re.sub(r"\s#.*", "", line.rstrip())
