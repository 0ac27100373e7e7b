# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.partial import with_set_aside
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, holding

A, B = "0000:01:00.0", "0000:02:00.0"
NOBODY = Claim(WEB)
BOTH = claim(WEB, holding(A), holding(B))


def test_of_an_undone_claim_the_device_is_held_and_nothing_else():
    kept_claim = with_set_aside(Plan("claim", (), NOBODY, BOTH), NOBODY, [A])
    assert {address: (held.request, held.attach) for address, held in kept_claim.holdings.items()} == {A: ("nic", ())}
    assert kept_claim.requests["nic"].count == 1


def test_of_an_undone_release_the_device_is_attached_nowhere_and_the_rest_is_as_before():
    kept_claim = with_set_aside(Plan("release", (), BOTH, NOBODY), BOTH, [A])
    assert {address: held.attach for address, held in kept_claim.holdings.items()} == {A: (), B: ("config", "live")}
    assert kept_claim.requests == BOTH.requests


def test_of_a_finished_release_the_device_stays_with_what_it_has_to_go_back_to():
    kept_claim = with_set_aside(Plan("release", (), BOTH, NOBODY), NOBODY, [B])
    assert kept_claim.holdings[B].original == BOTH.holdings[B].original
    assert kept_claim.requests["nic"].count == 1


def test_without_a_device_set_aside_the_claim_is_as_it_was():
    assert with_set_aside(Plan("release", (), BOTH, NOBODY), BOTH, []) == BOTH
