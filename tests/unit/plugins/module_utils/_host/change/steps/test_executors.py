# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.steps.executors import EXECUTORS, Executors
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    KINDS,
    HostdevStep,
    NodeStep,
    RootPortsStep,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID


def test_each_kind_of_step_has_what_carries_it_out():
    assert EXECUTORS.keys() == KINDS.keys()


@pytest.mark.parametrize(
    "step",
    [
        HostdevStep("0000:01:10.0", "web1", UUID, "live", None, "<hostdev/>"),
        NodeStep("usb_3_1", "web1", UUID, "config", "<hostdev/>", None),
        RootPortsStep("web1", UUID, (1,), (1, 2)),
    ],
)
def test_what_changes_a_domain_needs_libvirt(lab_host, step):
    lab_host.system.domains = None
    with pytest.raises(HostdevError) as caught:
        Executors(lab_host.system, 1.0).apply(step)
    assert (caught.value.code, caught.value.subject) == ("no_libvirt", "domain web1")
    assert caught.value.wanted == f"to {step}"
