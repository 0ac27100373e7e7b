# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that lead on from a refusal, as a message tells them."""

from __future__ import annotations

import typing as t

from ...errors import few

if t.TYPE_CHECKING:
    from ...guards.blocker import Blocker

RELEASE = "`kvm.hostdev.pci_passthrough_release`"

# A message stays one readable line; what goes beyond that is in the blockers beside it.
_REMEDIES = 3


class NextStep(t.NamedTuple):
    """What to do about the device at fault, which is a group mate or the like where it is not the one asked for."""

    address: str
    remedy: str


class Refusal(t.NamedTuple):
    """Why a device is not to be had, in words, with the steps that lead on, and as blockers where these are why."""

    text: str
    steps: t.Sequence[NextStep]
    blockers: t.Sequence[Blocker] = ()


def blocked(blockers: t.Sequence[Blocker], consent: NextStep | None = None) -> Refusal:
    """What blocks a device; `consent` stands for the remedies of all mates that would have to come along."""
    text = few([f"{reason.code} ({reason.address}: {reason.detail})" for reason in blockers], separator="; ")
    # First what nobody may accept: who took the address off the NIC of his own ssh connection could do nothing more.
    steps = [
        consent
        if consent is not None and reason.code == "group_incomplete"
        else NextStep(reason.address, reason.remedy)
        for reason in sorted(blockers, key=lambda reason: reason.override is not None)
    ]
    return Refusal(text, list(dict.fromkeys(steps)), blockers)


def listed(refused: t.Mapping[str, Refusal]) -> str:
    """The first devices that are refused with why, then how many more there are; empty without any."""
    return few([f"{name} is refused: {why.text}" for name, why in refused.items()], separator=". ")


def advice(steps: t.Iterable[NextStep], *, subject: str | None = None) -> list[str]:
    """The first few distinct remedies in one text, each after the devices it is for, but for the subject alone."""
    addresses: dict[str, dict[str, None]] = {}
    for step in steps:
        addresses.setdefault(step.remedy, {})[step.address] = None
    remedies: dict[tuple[str, ...], list[str]] = {}
    for remedy, several in list(addresses.items())[:_REMEDIES]:
        remedies.setdefault((*several,), []).append(remedy)
    told = []
    for devices, of_these in remedies.items():
        told.append(("" if devices == (subject,) else f"{few(devices)}: ") + "; and ".join(of_these))
    return ["; ".join(told)] if told else []


def acceptance(refusals: t.Iterable[Refusal]) -> str:
    """The options that would accept all blockers of a refused device; empty where none would."""
    helped = [
        reason
        for refusal in refusals
        if refusal.blockers and all(reason.override for reason in refusal.blockers)
        for reason in refusal.blockers
    ]
    codes = ", ".join(sorted({reason.code for reason in helped if reason.accepted({reason.code})}))
    options = [f"allow: [{codes}]"] if codes else []
    options += sorted({reason.override or "" for reason in helped if not reason.accepted({reason.code})})
    return f"accept that with {' and '.join(options)}" if options else ""
