# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Journal, Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    DriverStep,
    HostdevStep,
    RootPortsStep,
    VfSettingsStep,
    step_from_dict,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO, WEB, claim, holding

BIND = DriverStep("0000:01:00.0", Binding("igb", None), VFIO)
ATTACH = HostdevStep("0000:01:00.0", "web1", WEB.id, "live", None, "<hostdev/>")
SETTINGS = VfSettingsStep("0000:01:10.0", "0000:01:00.0", 0, {"trust": False}, {"trust": True, "spoof_check": False})
PORTS = RootPortsStep("web1", WEB.id, (1, 2), (1, 2, 3, 4))
PLAN = Plan("claim", (BIND, ATTACH), Claim(WEB), claim(WEB, holding("0000:01:00.0")))


@pytest.mark.parametrize(
    ("step", "inverse"),
    [
        (BIND, DriverStep("0000:01:00.0", VFIO, Binding("igb", None))),
        (ATTACH, HostdevStep("0000:01:00.0", "web1", WEB.id, "live", "<hostdev/>", None)),
        (
            SETTINGS,
            VfSettingsStep("0000:01:10.0", "0000:01:00.0", 0, {"trust": True, "spoof_check": False}, {"trust": False}),
        ),
        (PORTS, RootPortsStep("web1", WEB.id, (1, 2, 3, 4), (1, 2))),
    ],
)
def test_the_inverse_of_a_step_leads_back(step, inverse):
    assert step.inverse() == inverse
    assert step.inverse().inverse() == step


@pytest.mark.parametrize("step", [BIND, BIND.inverse(), ATTACH, ATTACH.inverse(), SETTINGS, PORTS, PORTS.inverse()])
def test_a_step_survives_the_way_through_json(step):
    assert step_from_dict(json.loads(json.dumps(step.as_dict()))) == step


def test_a_journal_survives_the_way_through_json():
    journal = Journal(PLAN, "boot-1", 1)
    assert Journal.from_dict(json.loads(json.dumps(journal.as_dict()))) == journal


def test_steps_are_told_as_data():
    assert BIND.as_dict() == {
        "kind": "driver",
        "address": "0000:01:00.0",
        "before": {"driver": "igb", "driver_override": None},
        "after": {"driver": "vfio-pci", "driver_override": "vfio-pci"},
    }
    assert ATTACH.as_dict() == {
        "kind": "hostdev",
        "address": "0000:01:00.0",
        "domain": "web1",
        "uuid": "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02",
        "place": "live",
        "before": None,
        "after": "<hostdev/>",
    }


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (BIND, "driver of 0000:01:00.0: igb -> vfio-pci"),
        (DriverStep("0000:01:00.0", VFIO, Binding(None, None)), "driver of 0000:01:00.0: vfio-pci -> none"),
        (ATTACH, "attach 0000:01:00.0, live of domain web1"),
        (ATTACH.inverse(), "detach 0000:01:00.0, live of domain web1"),
        (SETTINGS, "settings of 0000:01:10.0: trust off -> trust on, spoof_check off"),
        (PORTS, "root ports in the definition of domain web1: 2 -> 4"),
    ],
)
def test_steps_are_told_in_words(step, text):
    assert str(step) == text


def test_a_plan_changes_something_when_it_has_steps_or_changes_the_record():
    held = claim(WEB, holding("0000:01:00.0"))
    assert PLAN.changed
    assert Plan("claim", (BIND,), held, held).changed
    assert not Plan("claim", (BIND,), held, held).changes_record
    assert Plan("claim", (), held, claim(WEB, holding("0000:01:00.0", attach=()))).changed
    assert not Plan("claim", (), held, claim(WEB, holding("0000:01:00.0"))).changed
