# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices are drawn in what they hang on, counted here from the facts alone."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener

DISK, HELD = "0000:44:00.0", "0000:03:00.0"  # of the made host: one that it keeps, and one that web1 holds
DRAWN = """() => [...document.querySelectorAll('[data-node-device]')].map((box) => [box.dataset.nodeDevice,
    box.dataset.state, box.closest('.own')?.querySelector('[data-address]').dataset.address ?? null])"""


def usb(name: str, path: str, **fields: t.Any) -> dict[str, t.Any]:
    known = {"vendor_id": "0951", "product_id": "1666", "product_name": f"Stick {name}", "serial": "60A4"}
    return {"name": name, "capability": "usb_device", "path": path, **known, "used_by": [], "blockers": [], **fields}


def scsi(name: str, path: str, **fields: t.Any) -> dict[str, t.Any]:
    numbers = dict(zip(("host", "bus", "target", "lun"), map(int, name.split("_")[1:]), strict=True))
    device = {"name": name, "capability": "scsi", "path": path, **numbers, "model": "Drive 9"}
    return {**device, "used_by": [], "blockers": [], **fields}


def host_with_nodes() -> made.Facts:
    facts = made.gpu_host()
    sata, port = f"/sys/devices/pci0000:40/{DISK}", "/sys/devices/pci0000:00/0000:00:03.0/0000:06:00.0/usb1"
    facts["devices"] += [
        usb("usb_usb1", port, hub=True, blockers=None),
        usb("usb_1_1", f"{port}/1-1"),
        scsi("scsi_7_0_0_0", f"{port}/1-1/1-1:1.0/host7/target7:0:0/7:0:0:0"),
        usb("usb_1_10", f"{port}/1-10"),
        usb("usb_1_2", f"{port}/1-2", used_by=[{"domain": "db1"}]),
        scsi("scsi_0_0_0_0", f"{sata}/host0/target0:0:0/0:0:0:0"),
        scsi(
            "scsi_0_0_1_0",
            f"{sata}/host0/target0:0:1/0:0:1:0",
            blockers=[{"code": "mounted_fs", "address": "scsi_0_0_1_0", "detail": "/dev/sdb1 is mounted at /srv"}],
        ),
        usb("usb_3_1", f"/sys/devices/pci0000:00/0000:02:00.0/{HELD}/usb3/3-1"),
        scsi("scsi_9_0_0_0", "/sys/devices/platform/host9/target9:0:0/9:0:0:0"),
    ]
    del next(device for device in facts["devices"] if device["name"] == "usb_usb1")["blockers"]
    owner = {"kind": "domain", "id": "1", "label": "backup1"}
    facts["claims"] = [{"owner": owner, "devices": [], "node_devices": [{"name": "usb_1_1", "request": "key"}]}]
    return facts


def test_each_is_drawn_once_in_its_controller_with_its_state(picture: Opener) -> None:
    facts = host_with_nodes()
    page = picture({"gpu": facts}).go("host=gpu")
    drawn = {name: (state, above) for name, state, above in page.evaluate(DRAWN)}
    assert len(page.evaluate(DRAWN)) == len(drawn)
    above = {
        device["name"]: (re.findall(r"/([0-9a-f]{4}:[0-9a-f:.]{7})(?=/)", device["path"]) or [None])[-1]
        for device in facts["devices"]
        if device["capability"] in ("usb_device", "scsi") and not device.get("hub")
    }
    assert {name: place for name, (_state, place) in drawn.items()} == above
    assert {name: state for name, (state, _place) in drawn.items()} == {
        "usb_1_1": "held",
        "scsi_7_0_0_0": "held",  # the disk on the stick
        "usb_1_10": "free",
        "usb_1_2": "kept",
        "scsi_0_0_0_0": "free",
        "scsi_0_0_1_0": "kept",
        "usb_3_1": "kept",  # on a controller that is held
        "scsi_9_0_0_0": "free",
    }


def test_boxes_say_who_has_them_and_why_they_stay(picture: Opener) -> None:
    page = picture({"gpu": host_with_nodes()}).go("host=gpu")
    said = dict(
        page.evaluate(
            "() => [...document.querySelectorAll('[data-node-device]')].map((b) => [b.dataset.nodeDevice, b.innerText])"
        )
    )
    assert "Stick usb_1_1" in said["usb_1_1"]
    assert "held by backup1" in said["usb_1_1"]
    assert "kept: in_domain_xml (domain db1)" in said["usb_1_2"]
    assert "kept: mounted_fs (/dev/sdb1 is mounted at /srv)" in said["scsi_0_0_1_0"]
    assert f"kept: group_used_by_domain (all of {HELD} is taken)" in said["usb_3_1"]
    assert "Drive 9" in said["scsi_0_0_0_0"]


def test_a_click_shows_all_fields_and_how_a_request_claims_it(picture: Opener) -> None:
    shown = picture({"gpu": host_with_nodes()})
    page = shown.go("host=gpu")
    page.locator("[data-node-device='scsi_0_0_0_0']").click()
    dialog = page.locator("dialog[open]")
    assert "{scsi: {adapter: scsi_host0, bus: 0, target: 0, lun: 0}}" in dialog.inner_text()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.dataset.nodeDevice == 'scsi_0_0_0_0'")
    assert not page.evaluate("() => document.querySelector('dialog').open")
    page = shown.go("host=gpu&device=usb_1_10")
    assert '{usb: {vendor_id: "0951", product_id: "1666", serial: "60A4"}}' in page.locator("dialog").inner_text()
    rows = page.evaluate("() => [...document.querySelectorAll('.fields tr')].map((row) => row.cells[0].innerText)")
    assert set(rows) == usb("", "").keys() - {"blockers"}
    page = shown.go("host=gpu&device=scsi_0_0_1_0")
    assert "/dev/sdb1 is mounted at /srv" in page.locator("dialog .blockers").inner_text()


def test_many_are_one_box_until_they_are_looked_at(picture: Opener) -> None:
    facts = made.gpu_host()
    path = f"/sys/devices/pci0000:40/{DISK}/host0/target0:0"
    facts["devices"] += [scsi(f"scsi_0_0_{target}_0", f"{path}:{target}/0:0:{target}:0") for target in range(60)]
    page = picture({"gpu": facts}).go("host=gpu")
    stack = page.locator("[data-nodes]")
    assert stack.locator("summary").inner_text() == "60 free of 60 USB and SCSI devices"
    assert page.evaluate(DRAWN) == []
    stack.locator("summary").click()
    page.wait_for_function("() => document.querySelector('[data-node-device]')")
    assert len(page.evaluate(DRAWN)) == 60


def test_a_part_of_the_platform_that_carries_some_is_not_folded(picture: Opener) -> None:
    facts = made.gpu_host()
    facts["devices"].append(usb("usb_5_1", "/sys/devices/pci0000:40/0000:40:05.2/usb5/5-1"))
    page = picture({"gpu": facts}).go("host=gpu")
    assert page.evaluate(DRAWN) == [["usb_5_1", "free", "0000:40:05.2"]]
