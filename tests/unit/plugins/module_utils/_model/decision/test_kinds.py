# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision import kinds
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import RELEASE, Change, Steps
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import DRIFTS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, inventory


class Made:
    def __init__(self, name):
        self.name = name

    def steps(self, _snapshot, _change):
        return Steps([f"{self.name} leaves"], [f"{self.name} enters"])


def test_a_later_kind_hangs_on_an_earlier_one_and_leaves_first(monkeypatch):
    monkeypatch.setattr(kinds, "KINDS", (Made("card"), Made("stick"), Made("disk")))
    change = Change(RELEASE, Claim(WEB), Claim(WEB))
    plan = kinds.make_plan(Snapshot(inventory(), Tracker()), change)
    assert plan.steps == (
        "disk leaves",
        "stick leaves",
        "card leaves",
        "card enters",
        "stick enters",
        "disk enters",
    )
    assert (plan.operation, plan.before, plan.after) == (RELEASE, Claim(WEB), Claim(WEB))


def test_every_kind_has_its_drift():
    assert len(DRIFTS) == len(kinds.KINDS)


def test_all_holdings_of_a_claim_are_of_some_kind():
    claim = Claim(WEB, holdings={"a": 1}, node_devices={"b": 2})
    assert [kind.held(claim) for kind in kinds.KINDS] == [{"a": 1}, {"b": 2}]
