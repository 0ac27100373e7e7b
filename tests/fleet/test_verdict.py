# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that competing claims could do to hosts is found, and hosts that are right have no fault."""

from __future__ import annotations

import typing as t

import pytest

from .claims import CLAIMED, PLACED, Answer, Claim, Outcome, outcomes
from .verdict import HostState, faults

NVIDIA, HELD = ("nvidia", "(null)"), ("vfio-pci", "vfio-pci")
GPU, OTHER = "0000:10:00.0", "0000:11:00.0"
CLAIM = Claim("vm001", "rack01", [{"name": "gpu", "specs": ["10de:20b2"], "count": 1}])
BEFORE = {name: HostState({GPU: NVIDIA, OTHER: NVIDIA}, None) for name in ("kvm001", "kvm002")}


def record(owners: t.Mapping[str, t.Sequence[str]], **parts: t.Any) -> dict[str, t.Any]:
    """A record with the addresses that each owner holds."""
    held = [
        {"owner": {"id": owner}, "devices": [{"address": address} for address in addresses]}
        for owner, addresses in owners.items()
    ]
    return {"claims": held, "journal": None, "needs_cleaning": [], **parts}


def found(*told: Outcome, on_record: dict[str, t.Any] | None = None, **bindings: tuple[str | None, str]) -> list[str]:
    """The faults where kvm001 came to this; `gpu` and `other` are what its functions are bound to."""
    now = {GPU: bindings.get("gpu", HELD), OTHER: bindings.get("other", NVIDIA)}
    first = HostState(now, record({"vm001": [GPU]}) if on_record is None else on_record)
    return list(faults(BEFORE, {**BEFORE, "kvm001": first}, told or [SERVED]))


SERVED = Outcome(CLAIM, "kvm001", frozenset({GPU}))
REFUSED = Outcome(CLAIM._replace(name="vm002"), refusals=[("kvm001", "not_enough_devices")])


def test_who_is_served_as_the_record_says_and_who_is_refused_with_nothing_are_right() -> None:
    assert found(SERVED, REFUSED) == []


def test_two_that_were_told_the_same_device_are_found_though_only_one_is_on_record() -> None:
    twice = Outcome(CLAIM._replace(name="vm002"), "kvm001", frozenset({GPU}))
    assert found(SERVED, twice) == [
        f"kvm001: {GPU} has two owners: vm001, vm002 were each told that it is theirs",
        f"vm002: was told ['{GPU}'] on kvm001, and has on record nothing",
    ]


def test_the_same_address_on_two_hosts_is_two_devices() -> None:
    other = Outcome(CLAIM._replace(name="vm002"), "kvm002", frozenset({GPU}))
    second = HostState({GPU: HELD, OTHER: NVIDIA}, record({"vm002": [GPU]}))
    first = HostState({GPU: HELD, OTHER: NVIDIA}, record({"vm001": [GPU]}))
    assert list(faults(BEFORE, {"kvm001": first, "kvm002": second}, [SERVED, other])) == []


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ({"on_record": record({"vm001": [GPU], "vm009": [GPU]})}, f"kvm001: {GPU} has 2 owners on record"),
        ({"gpu": NVIDIA}, f"kvm001: {GPU} is held, and has driver and override {NVIDIA}"),
        ({"gpu": ("vfio-pci", "(null)")}, f"kvm001: {GPU} is held, and has driver and override ('vfio-pci', '(null)')"),
        ({"other": HELD}, f"kvm001: {OTHER} is nobody's, and has {HELD} instead of {NVIDIA}"),
        ({"other": (None, "(null)")}, f"kvm001: {OTHER} is nobody's, and has (None, '(null)') instead of {NVIDIA}"),
        (
            {"on_record": record({"vm001": [GPU]}, journal={"step": 1})},
            "kvm001: journal is left on record: {'step': 1}",
        ),
    ],
)
def test_what_is_wrong_with_a_host_is_found(state: dict[str, t.Any], fault: str) -> None:
    assert found(**state) == [fault]


def test_a_device_that_is_gone_is_found() -> None:
    gone = HostState({GPU: HELD}, record({"vm001": [GPU]}))
    assert list(faults(BEFORE, {**BEFORE, "kvm001": gone}, [SERVED])) == [f"kvm001: lost: ['{OTHER}']"]


def test_who_was_refused_must_have_nothing_anywhere() -> None:
    refused = Outcome(CLAIM, refusals=[("kvm001", "not_enough_devices")])
    assert found(refused) == [f"vm001: was told nothing, and has on record ['{GPU}'] on kvm001"]


def test_only_that_nothing_is_left_is_a_reason_to_be_refused() -> None:
    assert found(SERVED, Outcome(CLAIM._replace(name="vm002"), refusals=[("kvm001", "bind_failed")])) == [
        "vm002: refused on kvm001 for no reason that it may have: bind_failed"
    ]


def test_who_wanted_more_than_was_given_is_found() -> None:
    more = CLAIM._replace(requests=[{"name": "gpu", "specs": ["10de:20b2"], "count": 2}])
    assert found(Outcome(more, "kvm001", frozenset({GPU}))) == ["vm001: wanted 2 devices, and has 1"]


def test_a_claim_is_served_by_the_host_in_the_order_that_came_after_those_that_refused() -> None:
    placed = Answer(PLACED[0], "vm001", "ok", {"ansible_facts": {"placement": {"order": ["kvm002", "kvm001"]}}})
    refused = Answer(CLAIMED[0], "vm001", "failed", {"error": {"code": "not_enough_devices"}})
    served = Answer(CLAIMED[0], "vm001", "ok", {"devices": [{"address": GPU}]})
    assert outcomes([CLAIM], [placed, refused, served]) == [
        Outcome(CLAIM, "kvm001", frozenset({GPU}), [("kvm002", "not_enough_devices")])
    ]
    assert outcomes([CLAIM], [placed]) == [Outcome(CLAIM)]
