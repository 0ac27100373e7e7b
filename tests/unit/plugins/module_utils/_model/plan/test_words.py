# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.usb_scsi import NodeHolding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.words import told_apart
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import CLAIM, RELEASE, Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    DriverStep,
    HostdevStep,
    NodeStep,
    RootPortsStep,
    VfSettingsStep,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.words import told, told_of
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, DPDK, VFIO, WEB, holding
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import claim as made_claim

NIC, DISK = "0000:01:10.0", "0000:04:00.0"
GPUS = [f"0000:{bus:02x}:00.0" for bus in range(0x3B, 0x5B)]
IGBVF, NVIDIA = Binding("igbvf", None), Binding("nvidia", None)
OF_NIC = {"vendor_id": "8086", "product_id": "10ca"}
OF_GPU = {"vendor_id": "10de", "product_id": "20b2"}
NOTHING = Claim(WEB)
STICK = NodeHolding("usb_3_1", "usb_device", "key", {"vendor_id": "0951", "product_id": "1666", "serial": None})
DRIVE = NodeHolding("scsi_2_0_0_0", "scsi", "tape", {"vendor": "HP", "model": "Ultrium 5", "serial": None})


def nic(request="nic", **fields):
    return holding(NIC, request, identity=OF_NIC, original=IGBVF, **fields)


def gpus(number, request="gpu"):
    return [holding(address, request, identity=OF_GPU, original=NVIDIA) for address in GPUS[:number]]


def holds(*holdings, owner=WEB):
    return made_claim(owner, *holdings)


def moves(place, *, address=NIC, there=True):
    ends = (None, hostdev_xml(address, managed=True)) if there else (hostdev_xml(address, managed=True), None)
    return HostdevStep(address, "web1", WEB.id, place, *ends)


def said(before, after, *steps, operation=CLAIM, check_mode=False):
    plan = Plan(operation, steps, before, after)
    return told(plan, told_apart([after.owner])[after.owner.key], check_mode=check_mode)


def line_of(plans, **keywords):
    return told_of(plans, told_apart(plan.after.owner for plan in plans), **keywords)


TAKEN = (DriverStep(NIC, IGBVF, VFIO), moves("config"), moves("live"))
BACK = (moves("live", there=False), moves("config", there=False), DriverStep(NIC, VFIO, IGBVF))


def test_a_claim_says_which_device_serves_what_and_what_was_done_to_it():
    line = "nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci, attached to definition and guest"
    assert said(NOTHING, holds(nic()), *TAKEN) == f"web1: {line}"
    assert said(NOTHING, holds(nic()), *TAKEN, check_mode=True) == f"web1 would change: {line}"


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_as_it_shall_be_is_told_without_drivers(check_mode):
    def unchanged(*holdings):
        return said(holds(*holdings), holds(*holdings), check_mode=check_mode)

    assert unchanged(nic()) == "web1: nic = 0000:01:10.0 (8086:10ca), as it was"
    assert unchanged(*gpus(2)) == "web1: gpu = 0000:3b:00.0, 0000:3c:00.0 (10de:20b2), as they were"
    assert unchanged(nic(), *gpus(1)) == (
        "web1: nic = 0000:01:10.0 (8086:10ca); gpu = 0000:3b:00.0 (10de:20b2), all as they were"
    )
    assert unchanged() == "web1: holds nothing, as before"


def test_of_many_devices_four_are_named():
    named = "0000:3b:00.0, 0000:3c:00.0, 0000:3d:00.0, 0000:3e:00.0"
    assert said(holds(*gpus(4)), holds(*gpus(4))) == f"web1: gpu = {named} (10de:20b2), as they were"
    assert said(holds(*gpus(32)), holds(*gpus(32))) == f"web1: gpu = {named}, and 28 more (10de:20b2), as they were"


def test_devices_of_one_request_are_told_apart_by_ids_and_by_what_is_done():
    first, second = gpus(2)
    other = holding(GPUS[2], "gpu", identity={**OF_GPU, "product_id": "2330"})
    step = DriverStep(GPUS[1], NVIDIA, VFIO)
    assert said(holds(first), holds(first, second, other), step) == (
        "web1: gpu = 0000:3c:00.0 (10de:20b2), nvidia to vfio-pci; gpu = 0000:3d:00.0 (10de:2330), taken as it is; "
        "1 other as it was"
    )


def test_many_requests_are_elided_too_and_what_is_given_back_is_still_told():
    many = [replace(held, request=f"gpu{number}") for number, held in enumerate(gpus(7))]
    line = said(holds(nic()), holds(*many), *(DriverStep(held.address, NVIDIA, VFIO) for held in many), *BACK)
    assert line.count(" = ") == 5
    assert line.endswith("; and 2 more; 0000:01:10.0 (8086:10ca) given back, vfio-pci to igbvf")


def test_what_came_along_with_its_group_is_named_so():
    mate = holding(DISK, None, identity={"vendor_id": "144d", "product_id": "a808"})
    assert said(holds(nic(), mate), holds(nic(), mate)) == (
        "web1: nic = 0000:01:10.0 (8086:10ca); group member = 0000:04:00.0 (144d:a808), all as they were"
    )


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([moves("config")], "attached to definition"),
        ([moves("live")], "attached to guest"),
        ([moves("live", there=False)], "detached from guest"),
        (
            [moves("config", there=False), moves("config"), moves("live")],
            "attached to guest, attached anew to definition",
        ),
        ([DriverStep(NIC, Binding(None, None), VFIO)], "no driver to vfio-pci"),
        ([DriverStep(NIC, Binding("vfio-pci", None), VFIO)], "kept on vfio-pci"),
        ([DriverStep(NIC, VFIO, Binding("mlx5_vfio_pci", "mlx5_vfio_pci"))], "vfio-pci to mlx5_vfio_pci"),
        (
            [VfSettingsStep(NIC, "0000:01:00.0", 0, {"trust": False}, {"trust": True, "spoof_check": False})],
            "trust on, spoof_check off",
        ),
    ],
)
def test_each_change_of_a_held_device_has_its_words(steps, words):
    assert said(holds(nic()), holds(nic()), *steps) == f"web1: nic = 0000:01:10.0 (8086:10ca), {words}"


def test_a_device_that_comes_to_another_request_says_from_which():
    assert said(holds(nic("old")), holds(nic())) == "web1: nic = 0000:01:10.0 (8086:10ca), until now old"
    assert said(holds(nic(None)), holds(nic())).endswith("until now a group member")


def test_what_only_changes_on_record_is_told_as_that():
    before, after = holds(nic()), holds(nic(guest_address="0000:05:00.0"))
    assert said(before, after) == "web1: nic = 0000:01:10.0 (8086:10ca), as it was but for the record"


def test_root_ports_and_coming_back_are_told_beside_the_devices():
    step = RootPortsStep("web1", WEB.id, (1, 2), (1, 2, 3, 4, 5, 6))
    assert said(NOTHING, NOTHING, step) == "web1: root ports in its definition: 2 to 6"
    kept = replace(holds(nic()), persist=True)
    assert said(holds(nic()), kept) == "web1: comes back when the host is started anew; 1 other as it was"
    assert said(kept, holds(nic())) == "web1: no longer comes back at boot; 1 other as it was"
    assert said(kept, NOTHING, operation=RELEASE).startswith("web1: 0000:01:10.0 (8086:10ca) given back")


def test_a_release_says_what_is_given_back_and_to_which_driver():
    line = "0000:01:10.0 (8086:10ca) given back, vfio-pci to igbvf"
    assert said(holds(nic()), NOTHING, *BACK, operation=RELEASE) == f"web1: {line}"
    assert said(holds(nic()), NOTHING, *BACK, operation=RELEASE, check_mode=True) == f"web1 would change: {line}"
    assert said(holds(nic(), *gpus(1)), holds(*gpus(1)), *BACK, operation=RELEASE) == f"web1: {line}"
    assert said(holds(nic()), holds(nic()), operation=RELEASE) == "web1: nothing given back"


def test_a_release_says_what_the_host_does_not_get():
    adopted = nic(adopted=True)
    adopted = replace(adopted, original=Binding("vfio-pci", None))
    assert said(holds(adopted), NOTHING, operation=RELEASE).endswith(" given back, left with vfio-pci")
    by_kernel = DriverStep(NIC, VFIO, Binding(None, None), by_kernel=True)
    assert said(holds(nic()), NOTHING, by_kernel, operation=RELEASE).endswith("vfio-pci to the kernel's choice")
    assert said(holds(nic()), NOTHING, operation=RELEASE).endswith("(8086:10ca) given back")
    put_back = (*BACK, moves("config"))
    assert said(holds(nic()), NOTHING, *put_back, operation=RELEASE).endswith("igbvf, put back into its definition")


def test_usb_and_scsi_devices_have_libvirts_names():
    held = replace(NOTHING, node_devices={STICK.name: STICK, DRIVE.name: DRIVE})
    step = NodeStep("usb_3_1", "web1", WEB.id, "config", None, "<hostdev type='usb'/>")
    assert said(NOTHING, held, step) == (
        "web1: key = usb_3_1 (0951:1666), attached to definition; tape = scsi_2_0_0_0 (HP Ultrium 5), taken as it is"
    )
    assert said(held, NOTHING, operation=RELEASE) == (
        "web1: usb_3_1 (0951:1666) given back; scsi_2_0_0_0 (HP Ultrium 5) given back"
    )
    unknown = replace(DRIVE, identity={"vendor": None, "model": None, "serial": None})
    assert "(SCSI)" in said(replace(NOTHING, node_devices={DRIVE.name: unknown}), NOTHING, operation=RELEASE)


def test_a_hostile_name_makes_no_line_of_its_own():
    owner = Owner("name", "a\nok: [host]", "a\nok: [host]")
    line = said(Claim(owner), holds(nic("\x1b[31mnic\r1"), owner=owner), *TAKEN)
    assert line.startswith(r"a\nok: [host]: \x1b[31mnic\r1 = 0000:01:10.0")
    assert line.isprintable()


def unchanged(owner):
    return Plan(CLAIM, (), holds(nic(), owner=owner), holds(nic(), owner=owner))


def test_several_owners_are_told_in_one_line_and_those_without_change_counted():
    changed = Plan(CLAIM, (DriverStep(NIC, IGBVF, VFIO),), Claim(DPDK), holds(nic(), owner=DPDK))
    line = "dpdk0: nic = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci"
    assert line_of([changed], check_mode=False) == line
    assert line_of([unchanged(WEB), changed], check_mode=False) == f"{line} | 1 owner as before"
    assert line_of([unchanged(WEB), changed, unchanged(DB)], check_mode=True) == (
        f"{line.replace('dpdk0', 'dpdk0 would change')} | 2 owners as before"
    )
    assert line_of([unchanged(WEB), unchanged(DB)], check_mode=False) == "2 owners as before"
    assert line_of([unchanged(WEB)], check_mode=False) == "web1: nic = 0000:01:10.0 (8086:10ca), as it was"


def test_owners_of_one_label_are_told_apart_by_kind_and_id():
    web1 = Owner("name", "web1", "web1")
    plans = [Plan(CLAIM, (), Claim(owner), holds(nic(), owner=owner)) for owner in (WEB, web1, DPDK)]
    assert [told.split(": ")[0] for told in line_of(plans, check_mode=False).split(" | ")] == [
        f"domain web1 ({WEB.id})",
        "owner web1",
        "dpdk0",
    ]


def test_of_many_owners_five_are_told():
    owners = [Owner("name", f"o{number}", f"o{number}") for number in range(12)]
    line = line_of([Plan(CLAIM, (), Claim(owner), holds(nic(), owner=owner)) for owner in owners], check_mode=False)
    assert line.startswith("o0: nic = ")
    assert line.endswith("o4: nic = 0000:01:10.0 (8086:10ca), taken as it is | and 7 more")


def test_several_plans_of_one_owner_are_told_as_one():
    first = Plan(CLAIM, (moves("config"),), NOTHING, holds(nic()))
    then = Plan(CLAIM, (moves("live"),), holds(nic()), holds(nic()))
    assert line_of([first, then], check_mode=False) == (
        "web1: nic = 0000:01:10.0 (8086:10ca), attached to definition and guest"
    )


def test_what_else_was_done_stands_at_the_end():
    also = ["an interrupted run settled", "domain a\nb stopped"]
    assert line_of([], check_mode=False, also=also) == "an interrupted run settled | domain a\\nb stopped"
    assert line_of([], check_mode=False) == ""


LONG = "tenant-" + "x" * 5000 + "-web1"


def test_of_a_very_long_name_both_ends_are_told():
    owner = Owner("name", LONG, LONG)
    claim = Claim(owner)
    line = said(claim, holds(nic(LONG), owner=owner), *TAKEN)
    shown = f"tenant-{'x' * 33}...{'x' * 16}-web1"
    assert line.startswith(f"{shown}: {shown} = 0000:01:10.0 (8086:10ca), igbvf to vfio-pci")
    assert len(line) < 250
    assert said(holds(nic(LONG)), holds(nic())).endswith(f"until now {shown}")
    stick = replace(STICK, name=LONG)
    held = replace(NOTHING, node_devices={LONG: stick})
    assert f"{shown} (0951:1666) given back" in said(held, NOTHING, operation=RELEASE)


def test_a_name_of_64_letters_is_told_whole():
    owner = Owner("name", "y" * 64, "y" * 64)
    assert said(Claim(owner), Claim(owner)).startswith("y" * 64 + ": ")


@pytest.mark.parametrize("letter", ["\n", "\r", "\x1b", "\x85", "\u2028", "\u202e"])
def test_no_letter_of_a_name_breaks_or_turns_the_line(letter):
    owner = Owner("name", f"a{letter}b", f"a{letter}b")
    line = said(Claim(owner), holds(nic(f"c{letter}d"), owner=owner), *TAKEN)
    assert line.isprintable()
    assert letter not in line
