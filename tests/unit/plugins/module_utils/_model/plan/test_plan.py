# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    KINDS,
    DriverStep,
    HostdevStep,
    NodeStep,
    RootPortsStep,
    Step,
    VfSettingsStep,
    step_from_dict,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO, WEB, claim, holding

BIND = DriverStep("0000:01:00.0", Binding("igb", None), VFIO)
ATTACH = HostdevStep("0000:01:00.0", "web1", WEB.id, "live", None, "<hostdev/>")
SETTINGS = VfSettingsStep("0000:01:10.0", "0000:01:00.0", 0, {"trust": False}, {"trust": True, "spoof_check": False})
PORTS = RootPortsStep("web1", WEB.id, (1, 2), (1, 2, 3, 4))
STICK = NodeStep("usb_1_2", "web1", WEB.id, "live", None, "<hostdev type='usb'/>")
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


@pytest.mark.parametrize(
    "step", [BIND, BIND.inverse(), ATTACH, ATTACH.inverse(), SETTINGS, PORTS, PORTS.inverse(), STICK, STICK.inverse()]
)
def test_a_step_survives_the_way_through_json(step):
    assert step_from_dict(json.loads(json.dumps(step.as_dict()))) == step


OWNER = {"domain": "web1", "uuid": "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02"}


@pytest.mark.parametrize(
    ("step", "data"),
    [
        (
            BIND,
            {
                "kind": "driver",
                "address": "0000:01:00.0",
                "before": {"driver": "igb", "driver_override": None},
                "after": {"driver": "vfio-pci", "driver_override": "vfio-pci"},
            },
        ),
        (
            ATTACH,
            {
                **OWNER,
                "kind": "hostdev",
                "address": "0000:01:00.0",
                "place": "live",
                "before": None,
                "after": "<hostdev/>",
            },
        ),
        (
            STICK,
            {
                **OWNER,
                "kind": "node",
                "address": "usb_1_2",
                "place": "live",
                "before": None,
                "after": "<hostdev type='usb'/>",
            },
        ),
        (
            SETTINGS,
            {
                "kind": "vf_settings",
                "address": "0000:01:10.0",
                "pf": "0000:01:00.0",
                "index": 0,
                "before": {"trust": False},
                "after": {"trust": True, "spoof_check": False},
            },
        ),
        (PORTS, {**OWNER, "kind": "root_ports", "before": [1, 2], "after": [1, 2, 3, 4]}),
    ],
)
def test_a_journal_of_any_version_has_steps_in_this_form(step, data):
    assert step.as_dict() == data
    assert step_from_dict(data) == step
    assert type(step_from_dict(data)) is type(step) is KINDS[data["kind"]]


def test_steps_of_two_kinds_with_the_same_parts_are_not_the_same():
    assert HostdevStep("usb_1_2", "web1", WEB.id, "live", None, "<hostdev type='usb'/>") != STICK
    assert not isinstance(STICK, HostdevStep)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (BIND, (BIND.address, None, False, True, True)),
        (BIND.inverse(), (BIND.address, None, False, True, False)),
        (ATTACH, (ATTACH.address, "live", True, True, True)),
        (ATTACH.inverse(), (ATTACH.address, "live", False, False, False)),
        (STICK, ("usb_1_2", "live", True, True, True)),
        (SETTINGS, (SETTINGS.address, None, False, True, True)),
        (PORTS, (None, "config", False, False, False)),
    ],
)
def test_what_a_step_tells_about_itself(step, told):
    assert (step.address, step.place, step.attaches, step.needs_device, step.takes_after_reboot) == told


def test_a_journal_survives_the_way_through_json():
    journal = Journal(PLAN, "boot-1", 1)
    assert Journal.from_dict(json.loads(json.dumps(journal.as_dict()))) == journal


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


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_a_kind_of_step_says_all_that_plans_journals_and_messages_ask_of_it(kind):
    names = {field.name for field in dataclasses.fields(kind)}
    assert {"before", "after"} <= names
    for name in ("address", "domain", "uuid", "place"):
        assert name in names or hasattr(kind, name), name
    for name in ("as_dict", "from_dict", "command"):
        assert getattr(kind, name) is not getattr(Step, name), name
    assert kind.__str__ is not object.__str__
