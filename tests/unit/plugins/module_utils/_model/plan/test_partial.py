# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an owner still holds once some of its devices are with nobody."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.partial import without_devices
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, holding

A, B = "0000:01:00.0", "0000:02:00.0"
BOTH = claim(WEB, holding(A), holding(B))


def test_the_request_goes_on_with_as_many_devices_as_serve_it():
    left = without_devices(BOTH, {A})
    assert list(left.holdings) == [B]
    assert left.requests["nic"].count == 1


def test_a_request_that_no_device_serves_is_gone():
    left = without_devices(BOTH, {A, B})
    assert (dict(left.holdings), dict(left.requests)) == ({}, {})


def test_devices_of_others_change_nothing():
    assert without_devices(BOTH, {"0000:03:00.0"}) == BOTH
