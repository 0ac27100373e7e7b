# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt and QEMU really say, and what is made of it."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.errors import is_gone, number, remedy
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        (
            "internal error: unable to execute QEMU command 'device_add': vfio 0000:01:10.0: failed to setup container "
            "for group 3: memory listener initialization failed: Region pc.ram: vfio_dma_map(0x55, 0x0, 0x80000000, "
            "0x7f) = -12 (Cannot allocate memory)",
            1,
            "hard_limit",
        ),
        ("cannot limit locked memory of process 4711 to 1: Cannot allocate memory", 38, "LimitMEMLOCK"),
        ("internal error: No more available PCI slots", 1, "pcie-root-port"),
        ("XML error: No more available PCI addresses", 27, "pcie-to-pci-bridge"),
        (
            "Requested operation is not valid: PCI device 0000:01:10.0 is in use by driver QEMU, domain db1",
            55,
            "used_by",
        ),
        (
            "internal error: unable to execute QEMU command 'device_add': vfio 0000:03:00.0: group 9 is not viable",
            1,
            "group_members",
        ),
        (
            "internal error: unable to execute QEMU command 'device_add': Bus 'pcie.0' does not support hotplugging",
            1,
            "attach to [config]",
        ),
        ("Requested operation is not valid: domain is not running", 55, "domstate"),
        (
            "Timed out during operation: cannot acquire state change lock (held by monitor=remoteDispatchDomainSave)",
            68,
            "domjobinfo",
        ),
        ("Domain not found: no domain with matching uuid", 42, "undefined"),
        ("access denied: 'domain' denied access", 88, "access control"),
        ("Failed to connect socket to '/var/run/libvirt/virtqemud-sock'", 5, "virtqemud"),
    ],
)
def test_a_known_error_has_a_remedy_of_its_own(text, code, word):
    assert word in (remedy(LibvirtError(text, code)) or "")


def test_an_error_that_nothing_is_known_about_has_none():
    assert remedy(LibvirtError("internal error: something new", 1)) is None


def test_an_exception_that_is_not_libvirts_has_no_number():
    assert number(ValueError("x")) is None
    assert not is_gone(ValueError("x"))
    assert is_gone(LibvirtError("Domain not found", 42))
