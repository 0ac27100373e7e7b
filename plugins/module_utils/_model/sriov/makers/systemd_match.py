# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a systemd .link or .network file is for a PF's interface (systemd.link(5), systemd.network(5), [Match])."""

from __future__ import annotations

import fnmatch
import typing as t

from .maker import all_of
from .sections import values

if t.TYPE_CHECKING:
    from .maker import Match, PfNames
    from .sections import Entry

Rule = t.Callable[[t.Sequence[str], "PfNames"], "Match"]


def matches(found: t.Sequence[Entry], pf: PfNames) -> Match:
    """Whether all conditions hold. A file without conditions is for nothing: systemd ignores it, and says so."""
    keys = dict.fromkeys(entry.key for entry in found if entry.name == "Match")
    conditions = {key: " ".join(given).split() for key in keys if (given := values(found, "Match", key))}
    if not conditions:
        return False
    return all_of(_condition(key, words, pf) for key, words in conditions.items())


def _condition(key: str, words: list[str], pf: PfNames) -> Match:
    rule = _RULES.get(key)
    if rule is None:
        return None  # of the host, or of udev's properties: not known here
    if words[0].startswith("!"):
        answer = rule([words[0][1:], *words[1:]], pf)
        return None if answer is None else not answer
    return rule(words, pf)


def _any(names: t.Iterable[str], patterns: t.Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _mac(words: t.Sequence[str], pf: PfNames) -> Match:
    return any(pf.has_mac(word) for word in words) if pf.macs else None


def _name(words: t.Sequence[str], pf: PfNames) -> Match:
    return _any(pf.interfaces, words) if pf.interfaces else None


def _original_name(words: t.Sequence[str], pf: PfNames) -> Match:
    """The kernel's name, which a renamed interface has no more; that of a network card is eth with a number."""
    if _any(pf.interfaces, words) or "*" in words:
        return True
    return None if any(word.startswith(("eth", "*", "?", "[")) for word in words) else False


def _path(words: t.Sequence[str], pf: PfNames) -> Match:
    """udev's ID_PATH: of a card behind a bridge that is no PCI device something stands before "pci-"."""
    path = f"pci-{pf.address}"
    if _any([path], words) or any(word.endswith(path) for word in words):
        return True
    return False if all(word.startswith("pci-") for word in words) else None


def _driver(words: t.Sequence[str], pf: PfNames) -> Match:
    return None if pf.driver is None else _any([pf.driver, pf.driver.replace("-", "_")], words)


def _type(words: t.Sequence[str], _pf: PfNames) -> Match:
    if _any(["ether"], words):
        return True
    return None if _any(["infiniband"], words) else False


def _never(_words: t.Sequence[str], _pf: PfNames) -> Match:
    """What a card of its own has not: the kind of a virtual interface, a wireless network."""
    return False


_RULES: t.Mapping[str, Rule] = {
    "MACAddress": _mac,
    "PermanentMACAddress": _mac,
    "Name": _name,
    "OriginalName": _original_name,
    "Path": _path,
    "Driver": _driver,
    "Type": _type,
    "Kind": _never,
    "WLANInterfaceType": _never,
    "SSID": _never,
    "BSSID": _never,
}
