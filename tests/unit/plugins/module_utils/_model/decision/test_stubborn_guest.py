# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways on, by what the task permits and what became of the domain; what they do is tested with the flow."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.stubborn_guest import (
    Failure,
    has_way_on,
    way_on,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep, NodeStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DPDK,
    VFIO,
    WEB,
    claim,
    device,
    domain,
    holding,
    inventory,
)

A = "0000:01:00.0"
DEVICES = inventory(device(A, driver="vfio-pci"))
ELEMENT = hostdev_xml(A, managed=True)
XML = domain_xml(ELEMENT)
HELD = claim(WEB, holding(A))
DETACH = HostdevStep(A, "web1", WEB.id, "live", ELEMENT, None)
BACK = DriverStep(A, VFIO, dataclasses.replace(VFIO, driver="igb"))
RELEASE = Plan("release", (DETACH, BACK), HELD, Claim(WEB))
CLAIM = Plan("claim", (DETACH.inverse(),), Claim(WEB), HELD)


def error(code):
    return HostdevError(code, subject=f"{A} in domain web1", found="it is not let go", wanted="it let go")


@pytest.mark.parametrize(
    ("plan", "step", "code", "choice", "expected"),
    [
        (RELEASE, DETACH, "detach_timeout", "definition", True),
        (RELEASE, DETACH, "guest_paused", "force", True),
        (RELEASE, DETACH, "detach_timeout", "fail", False),
        (RELEASE, DETACH, "no_libvirt", "force", False),
        (RELEASE, dataclasses.replace(DETACH, place="config"), "detach_timeout", "force", False),
        (RELEASE, BACK, "detach_timeout", "force", False),
        (Plan("claim", (DETACH,), Claim(DPDK), Claim(DPDK)), DETACH, "detach_timeout", "force", False),
        (CLAIM, CLAIM.steps[0], "attach_failed", "fail", True),
        (CLAIM, CLAIM.steps[0], "detach_timeout", "force", False),
    ],
)
def test_there_is_a_way_on_where_the_owners_own_guest_is_at_fault_and_the_task_permits_it(
    plan, step, code, choice, expected
):
    assert has_way_on(Failure(plan, step, error(code)), choice) is expected


def way(plan, choice, now):
    return way_on(Failure(plan, plan.steps[0], error("detach_timeout")), choice, now, DEVICES)


def test_the_definition_only_needs_no_domain_and_stops_none():
    on = way(RELEASE, "definition", None)
    assert (on.plan.steps, on.stops, on.plan.after.holdings[A].attach) == ((), False, ("live",))
    assert on.warning.startswith(f"{A} in domain web1: it is not let go. It leaves the definition only")


def test_what_makes_way_for_another_element_must_leave():
    stick = NodeStep("usb_1_2", "web1", WEB.id, "live", "<hostdev type='usb'/>", None)
    making_way = Plan("claim", (stick,), HELD, HELD)
    assert way(making_way, "definition", domain(XML, XML)) is None


def test_force_stops_the_domain_and_does_the_same_plan():
    on = way(RELEASE, "force", domain(XML, XML))
    assert on.plan is RELEASE
    assert on.stops


def test_force_leaves_a_domain_that_is_gone_and_refuses_to_lose_a_transient_one():
    assert way(RELEASE, "force", None) is None
    with pytest.raises(HostdevError, match="the domain is transient") as caught:
        way(RELEASE, "force", domain(None, XML))
    assert caught.value.code == "detach_timeout"


@pytest.mark.parametrize(("now", "goes_on"), [(domain(XML, None), True), (domain(XML, XML), False), (None, False)])
def test_a_live_attach_is_left_out_only_where_the_domain_is_there_and_does_not_run(now, goes_on):
    on = way(CLAIM, "fail", now)
    assert (on is not None) is goes_on
    if on is not None:
        assert on.plan.steps == ()
        assert on.warning == f"domain web1 was shut off meanwhile: {A} comes with its next start"
