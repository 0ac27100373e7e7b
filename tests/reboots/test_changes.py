# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of changes: the same by the same seed, of every kind, and only what is possible."""

from __future__ import annotations

import random
from collections import Counter

from tests.lab import topology
from tests.reboots import changes, hardware
from tests.reboots.changes import AS_CLAIMED, DISK, GONE, NIC, OTHER_MODEL, OWN, SWAPPED, TWIN, Change, Situation


def chosen(seed: int, number: int) -> list[Change]:
    source, situation, made = random.Random(seed), AS_CLAIMED, []
    for _turn in range(number):
        made.append(changes.choose(source, situation))
        situation = made[-1].situation
    return made


def test_a_seed_always_chooses_the_same() -> None:
    assert chosen(7, 40) == chosen(7, 40)
    assert chosen(7, 40) != chosen(8, 40)


def test_there_is_every_kind_among_them() -> None:
    made = chosen(1, 200)
    assert {change.damage for change in made} == {"", *changes.DAMAGES}
    assert {change.situation.nic for change in made} == {OWN, OTHER_MODEL, TWIN, GONE}
    assert {change.situation.disk for change in made} == {OWN, OTHER_MODEL, TWIN, GONE, SWAPPED}
    assert {change.situation.ports for change in made} == set(range(changes.MOST_PORTS + 1))
    assert any(change.text == "nothing" for change in made)
    assert any(change.kernel for change in made)
    cuts = [change.cut for change in made if change.cut is not None]
    assert cuts
    assert all(5 <= cut <= 60 for cut in cuts)


def test_what_changes_the_files_leaves_the_cards() -> None:
    made = chosen(2, 500)
    before = [AS_CLAIMED, *(change.situation for change in made)]
    for change, situation in zip(made, before):
        if change.damage or change.kernel or change.cut is not None:
            assert change.situation == situation
        assert sum(change.situation.of(place) != situation.of(place) for place in (NIC, DISK)) <= 1


def options(situation: Situation) -> str:
    return "\n".join(option for device in hardware.devices(situation) for option in device.options)


def test_as_claimed_is_the_lab_s_own_hardware() -> None:
    assert hardware.devices(AS_CLAIMED) == topology.DEVICES
    assert hardware.devices(Situation(ports=2)) == topology.renumbered(2)


def test_each_occupant_is_plugged_into_the_place() -> None:
    twin = options(Situation(nic=TWIN, disk=TWIN))
    assert "igb,bus=port1,netdev=igb,romfile=,mac=52:54:00:12:35:57" in twin
    assert "nvme,bus=port4,drive=nvme,serial=LABTWIN0" in twin
    model = options(Situation(nic=OTHER_MODEL))
    assert "e1000e,bus=port1" in model
    assert "igb,bus=port1" not in model
    gone = options(Situation(nic=GONE, disk=GONE))
    assert "bus=port1" not in gone
    assert "bus=port4" not in gone
    swapped = options(Situation(disk=SWAPPED))
    assert "nvme,bus=port4,drive=numa,serial=LABNVME1" in swapped
    assert "nvme,bus=numa1port,drive=nvme,serial=LABNVME0" in swapped


def test_no_serial_and_no_disk_is_there_twice() -> None:
    for disk in (OWN, OTHER_MODEL, TWIN, GONE, SWAPPED):
        words = Counter(word for word in options(Situation(disk=disk)).replace("\n", ",").split(",") if "=" in word)
        assert all(count == 1 for word, count in words.items() if word.startswith(("serial=", "mac=", "drive=")))


def test_a_claimed_function_is_where_its_card_is() -> None:
    assert hardware.present(hardware.VF, Situation(ports=2)) == ("0000:03:10.2", True)
    assert hardware.present(hardware.VF, Situation(nic=TWIN)) == (None, False)
    assert hardware.present(hardware.DISK, Situation(ports=1)) == ("0000:05:00.0", True)
    assert hardware.present(hardware.DISK, Situation(ports=1, disk=SWAPPED)) == (topology.NUMA_NVME, False)
    assert hardware.present(hardware.PORTS, Situation(nic=GONE, disk=GONE)) == ("0000:03:00.0", True)
