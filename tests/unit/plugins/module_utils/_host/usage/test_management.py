# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.management import management_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.group import blockers
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, inventory
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

A = "0000:01:00.0"


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"class_id": "0c0701", "driver": None}, ("bmc", "IPMI interface to the BMC (class 0c07)")),
        ({"vendor_id": "1a03", "product_id": "2000"}, ("bmc", "function of a BMC (1a03:2000)")),
        ({"vendor_id": "103c", "product_id": "3307"}, ("bmc", "function of a BMC (103c:3307)")),
        ({"driver": "mgag200"}, ("bmc", "function of a BMC (driver mgag200)")),
        ({"driver": "hibmc-drm"}, ("bmc", "function of a BMC (driver hibmc-drm)")),
        ({"driver": "pcwd_pci"}, ("watchdog", "watchdog (driver pcwd_pci)")),
    ],
)
def test_functions_that_manage_the_host_are_told_by_what_they_are(folder, fields, wanted):
    host_uses = management_uses(Tree(str(folder)), [device(A, **fields)])
    assert [(use.code, use.address, use.detail) for use in host_uses] == [(wanted[0], A, wanted[1])]


def test_a_nic_and_a_bridge_of_a_bmc_vendor_manage_nothing(folder):
    bridge = device("0000:02:00.0", vendor_id="1a03", header_type=1)
    assert management_uses(Tree(str(folder)), [device(A), bridge]) == []


def told(uses):
    return [(use.code, use.address, use.detail) for use in uses]


@pytest.mark.parametrize("below", ["iTCO_wdt.1.auto", "iTCO_wdt/", "0000:01:00.0-4f2b", ""])
def test_a_watchdog_is_told_with_its_state_and_falls_on_the_function_above(folder, below):
    path = f"/sys/devices/pci0000:00/{A}/{below}/watchdog/watchdog1".replace("//", "/")
    files(folder, {f"{path}/state": "active\n", "/sys/class/watchdog/watchdog1": f"-> ../../..{path}"})
    assert told(management_uses(Tree(str(folder)), [device(A)])) == [("watchdog", A, "watchdog1 (active)")]


def test_a_watchdog_without_a_parent_falls_on_the_function_whose_driver_it_names(folder):
    path = "/sys/devices/virtual/watchdog/watchdog0"
    files(
        folder,
        {
            f"{path}/identity": "i6300ESB timer\n",
            f"{path}/state": "active\n",
            "/sys/class/watchdog/watchdog0": f"-> ../../..{path}",
        },
    )
    devices = [device("0000:02:00.0"), device(A, driver="i6300ESB timer"), device("0000:03:00.0", driver=None)]
    assert told(management_uses(Tree(str(folder)), devices)) == [("watchdog", A, "watchdog0 (active)")]


def test_a_watchdog_below_a_bridge_is_the_functions_and_not_the_bridges(folder):
    path = f"/sys/devices/pci0000:00/0000:00:1c.0/{A}/watchdog/watchdog1"
    files(folder, {f"{path}/state": "active\n", "/sys/class/watchdog/watchdog1": f"-> ../../..{path}"})
    assert told(management_uses(Tree(str(folder)), [device(A)])) == [("watchdog", A, "watchdog1 (active)")]


@pytest.mark.parametrize("contents", [{"identity": "Software Watchdog\n"}, {}])
def test_a_watchdog_in_software_is_no_functions(folder, contents):
    path = "/sys/devices/virtual/watchdog/watchdog0"
    files(folder, {f"{path}/dev": "245:0\n", "/sys/class/watchdog/watchdog0": f"-> ../../..{path}"})
    files(folder, {f"{path}/{name}": text for name, text in contents.items()})
    assert management_uses(Tree(str(folder)), [device(A), device("0000:02:00.0", driver=None)]) == []


def test_the_watchdogs_of_either_lab_host(recordings):
    for tree in recordings.values():
        host_uses = told(management_uses(tree, read_devices(tree)))
        assert [use for use in host_uses if use[0] == "watchdog"] == [
            ("watchdog", "0000:00:06.0", "watchdog0 (inactive)"),
            ("watchdog", "0000:00:1f.0", "watchdog1 (inactive)"),
        ]


# The console.

B = "0000:02:00.0"


def framebuffer(name, address):
    path = f"/sys/devices/pci0000:00/{address}/graphics/{name}"
    return {f"{path}/name": "i915drmfb\n", f"/sys/class/graphics/{name}": f"-> ../../..{path}"}


def vtconsole(name, what, *, bound):
    return {f"/sys/class/vtconsole/{name}/name": f"{what}\n", f"/sys/class/vtconsole/{name}/bind": f"{bound:d}\n"}


DUMMY = vtconsole("vtcon0", "(S) dummy device", bound=False)
FBCON = {**DUMMY, **vtconsole("vtcon1", "(M) frame buffer device", bound=True)}


def consoles(folder, *parts, devices=(device(A), device(B))):
    for part in parts:
        files(folder, part)
    return told(management_uses(Tree(str(folder)), devices))


def test_the_first_framebuffer_carries_the_console(folder):
    host_uses = consoles(folder, FBCON, framebuffer("fb10", A), framebuffer("fb2", B))
    assert host_uses == [("boot_vga", B, "fb2 carries the framebuffer console")]


def test_a_framebuffer_below_a_bridge_is_the_functions_and_not_the_bridges(folder):
    host_uses = consoles(folder, FBCON, framebuffer("fb0", f"0000:00:1c.0/{A}"))
    assert host_uses == [("boot_vga", A, "fb0 carries the framebuffer console")]


def test_a_framebuffer_carries_no_console_that_is_not_bound_to_it(folder):
    unbound = {**DUMMY, **vtconsole("vtcon1", "(M) frame buffer device", bound=False)}
    text = vtconsole("vtcon2", "(S) VGA+", bound=True)
    assert consoles(folder, unbound, text, framebuffer("fb0", A)) == []


def test_a_framebuffer_of_the_firmware_is_no_functions(folder):
    path = "/sys/devices/platform/efi-framebuffer.0/graphics/fb0"
    contents = {f"{path}/name": "EFI VGA\n", "/sys/class/graphics/fb0": f"-> ../../..{path}"}
    assert consoles(folder, FBCON, contents) == []
    assert consoles(folder, {"/sys/class/graphics/fbcon": "-> ../../devices/virtual/graphics/fbcon"}) == []


def test_what_is_on_vfio_already_carries_no_console(folder):
    devices = [device(A, driver="vfio-pci")]
    assert consoles(folder, FBCON, framebuffer("fb0", A), devices=devices) == []


def test_the_boot_display_with_the_console_has_one_blocker_with_both_details(folder):
    files(folder, {**FBCON, **framebuffer("fb0", A)})
    display = device(A, boot_vga=True)
    display_blockers = blockers(inventory(display, host_uses=management_uses(Tree(str(folder)), [display])), A)
    assert [(blocker.code, blocker.detail, blocker.override) for blocker in display_blockers] == [
        ("boot_vga", "boot_vga is 1 in sysfs; fb0 carries the framebuffer console", "allow: [boot_vga]")
    ]


def serial_consoles(*active):
    path = f"/sys/devices/pci0000:00/{A}/{A}:0/{A}:0.0/tty/ttyS4"
    return {
        f"{path}/dev": "4:68\n",
        "/sys/class/tty/ttyS4": f"-> ../../..{path}",
        "/sys/devices/virtual/tty/tty0/dev": "4:0\n",
        "/sys/class/tty/tty0": "-> ../../devices/virtual/tty/tty0",
        "/sys/devices/virtual/tty/console/active": f"{' '.join(active)}\n",
        "/sys/class/tty/console": "-> ../../devices/virtual/tty/console",
    }


def test_a_serial_port_that_is_a_console_of_the_kernel_falls_on_its_card(folder):
    assert consoles(folder, serial_consoles("tty0", "ttyS4")) == [("boot_vga", A, "ttyS4 is a console of the kernel")]
    assert consoles(folder, devices=[device(A, driver="vfio-pci")]) == []


def test_a_serial_port_that_is_no_console_is_no_use(folder):
    assert consoles(folder, serial_consoles("tty0")) == []
