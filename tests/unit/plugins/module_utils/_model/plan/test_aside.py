# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done by hand with a device that is set aside."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.aside import set_aside
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import CLAIM, RELEASE, Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO, WEB, claim, holding

A = "0000:01:00.0"
STOOD, OURS = hostdev_xml(A, managed=True), hostdev_xml(A, managed=False)
HANGS = HostdevError("unbind_timeout", subject=A, found="it hangs")


def step(before, after, place="config"):
    return HostdevStep(A, "web1", WEB.id, place, before, after)


@pytest.mark.parametrize(
    ("operation", "ends"),
    [
        (CLAIM, [step(STOOD, None), step(None, OURS), step(None, STOOD, "live")]),
        (RELEASE, [step(STOOD, None, "live"), step(OURS, None), step(None, STOOD)]),
    ],
)
def test_a_definition_gets_back_by_hand_what_stood_there(operation, ends):
    held = holding(A, stood_before={"config": STOOD})
    driver = DriverStep(A, held.original, VFIO)
    claimed = claim(WEB, held)
    before, after = (Claim(WEB), claimed) if operation == CLAIM else (claimed, Claim(WEB))
    aside = set_aside(Plan(operation, (driver, *ends), before, after), A, HANGS, "2026-01-01T00:00:00Z")
    way = [step(STOOD, None, "live"), step(OURS, None), step(None, STOOD)]
    assert list(aside.commands[:-1]) == [part.command() for part in way]
    assert "driver_override" in aside.commands[-1]
    assert aside.held.stood_before == {"config": STOOD}


def test_without_that_it_only_leaves():
    plan = Plan(CLAIM, (step(None, OURS),), Claim(WEB), claim(WEB, holding(A)))
    assert set_aside(plan, A, HANGS, "2026-01-01T00:00:00Z").commands[0] == step(OURS, None).command()


@pytest.mark.parametrize(
    ("code", "told"), [("device_in_use", "; once nothing uses it, by hand: "), ("bind_failed", "; by hand: ")]
)
def test_the_commands_wait_for_who_uses_it(code, told):
    """The unbind would wait in the kernel for as long."""
    plan = Plan(CLAIM, (step(None, OURS),), Claim(WEB), claim(WEB, holding(A)))
    error = HostdevError(code, subject=A, found="it fails")
    assert told in set_aside(plan, A, error, "2026-01-01T00:00:00Z").told()
