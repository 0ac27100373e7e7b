# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.machine import machine_warnings
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, domain

A, B = "0000:01:00.0", "0000:02:00.0"
EXPRESS, CONVENTIONAL = device(A, express=True), device(B, express=False)
PC = domain_xml(ports=0, machine="pci-root")


def test_each_express_device_for_a_machine_without_express_is_named():
    (warning,) = machine_warnings(domain(PC), [EXPRESS, CONVENTIONAL])
    assert warning.startswith(f"{A} is a PCI Express device, and the machine of domain web1 has no PCI Express")
    (of_two,) = machine_warnings(domain(PC), [EXPRESS, device(B, express=True)])
    assert of_two.startswith(f"{A}, {B} are PCI Express devices, and the machine of domain web1 has no PCI Express")


@pytest.mark.parametrize(
    "guest",
    [
        None,  # a claim for nobody's domain
        domain(domain_xml()),
        domain(None, domain_xml()),
        domain("<domain><devices/></domain>"),  # no controllers: libvirt's test driver, which says nothing of them
    ],
)
def test_elsewhere_there_is_nothing_to_warn_of(guest):
    assert machine_warnings(guest, [EXPRESS]) == []


def test_a_transient_domain_is_judged_as_it_runs():
    assert len(machine_warnings(domain(None, PC), [EXPRESS])) == 1
