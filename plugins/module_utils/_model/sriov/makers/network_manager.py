# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs in NetworkManager's keyfiles (nm-settings-keyfile(5), sriov) and configuration (NetworkManager.conf(5), device).

A profile with a sriov section whose total-vfs is not given removes all VFs when it comes up, and each removes them when
it goes down, but for `preserve-on-down`.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from .maker import NM_CONFIGURATION, NM_PROFILE, Source, VfMaker, all_of, number
from .sections import entries, values

if t.TYPE_CHECKING:
    from .maker import Match, PfNames
    from .sections import Entry

_DEVICE_COUNT = "sriov-num-vfs"


def profile_maker(source: Source, pf: PfNames) -> VfMaker | None:
    """What a connection's keyfile makes of the PF's VFs."""
    found = entries(source.text)
    about_vfs = [entry for entry in found if entry.name == "sriov"]
    match = _profile_matches(found, pf)
    if match is False or not (about_vfs or "\n[sriov]" in f"\n{source.text}"):
        return None
    entry = next((entry for entry in about_vfs if entry.key == "total-vfs"), None)
    line = entry or (about_vfs[0] if about_vfs else None)
    text = f"[sriov] {line.key}={line.value}" if line else "[sriov]"
    count = number(entry.value) if entry else 0
    return VfMaker(NM_PROFILE, source.path, line.line if line else 0, text, match is True, count)


def _profile_matches(found: t.Sequence[Entry], pf: PfNames) -> Match:
    def given(section: str, key: str) -> list[str]:
        return [word for value in values(found, section, key) for word in re.split(r"[;,\s]+", value) if word]

    kind = given("connection", "type")
    if kind and kind[-1] not in ("ethernet", "802-3-ethernet", "infiniband"):
        return False
    macs = given("ethernet", "mac-address") or given("802-3-ethernet", "mac-address")
    conditions: list[Match] = []
    if names := given("connection", "interface-name"):
        conditions.append(names[-1] in pf.interfaces if pf.interfaces else None)
    if macs:
        conditions.append(pf.has_mac(macs[-1]) if pf.macs else None)
    for key, own in (("interface-name", pf.interfaces), ("driver", (pf.driver or "",)), ("path", (pf.address,))):
        if patterns := given("match", key):
            conditions.append(_words_match([pattern.replace("pci-", "") for pattern in patterns], own))
    # A profile that names nothing may come up on any card.
    return all_of(conditions) if conditions else None


def _words_match(patterns: t.Sequence[str], own: t.Sequence[str]) -> Match:
    if any(pattern.startswith(("&", "|", "!")) for pattern in patterns):
        return None
    return any(fnmatch.fnmatchcase(name, pattern) for name in own for pattern in patterns)


def configuration_makers(source: Source, pf: PfNames) -> list[VfMaker]:
    """What the [device] sections of a file of NetworkManager's configuration make."""
    found = entries(source.text)
    makers = []
    for entry in found:
        if not (entry.name.startswith("device") and entry.key == _DEVICE_COUNT):
            continue
        matched = values([other for other in found if other.section == entry.section], entry.name, "match-device")
        # A section without match-device is for all devices.
        match = _device_matches(matched[-1], pf) if matched else True
        if match is not False:
            text = f"[{entry.name}] {entry.key}={entry.value}"
            makers.append(VfMaker(NM_CONFIGURATION, source.path, entry.line, text, match is True, number(entry.value)))
    return makers


def _device_matches(specs: str, pf: PfNames) -> Match:
    """A list of which one must match, and none that is excepted (NetworkManager.conf(5), Device List Format)."""
    answer: Match = False
    for spec in filter(None, re.split(r"[;,\s]+", specs)):
        excepted = spec.startswith("except:")
        match = _spec_matches(spec[len("except:") :] if excepted else spec, pf)
        if excepted and match is not False:
            return False if match else None
        if not excepted and answer is not True:
            answer = True if match else None if match is None else answer
    return answer


def _spec_matches(spec: str, pf: PfNames) -> Match:
    kind, colon, value = spec.partition(":")
    if spec == "*":
        return True
    if kind == "interface-name":
        exact = value[1:] if value.startswith("=") else None
        return any(name == exact if exact else fnmatch.fnmatchcase(name, value) for name in pf.interfaces)
    if kind == "driver":
        # NetworkManager's name of it may have a version after a slash.
        return None if pf.driver is None else fnmatch.fnmatchcase(pf.driver, value.partition("/")[0])
    if kind == "mac" or (colon and re.fullmatch(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}", spec)):
        return pf.has_mac(value if kind == "mac" else spec) if pf.macs else None
    if kind == "type":
        return value == "ethernet"
    return None if colon else spec in pf.interfaces
