# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of fault is counted, and a host as it should be has none: else counts of 0 would say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reboots.verdict import HELD_BACK, RESTORE_UNIT, Card, Domain, Expected, Function, Seen, verdict

VFIO = Function("vfio-pci", "vfio-pci")
FREE = Function("nvme", "")
VF = Card("VF", "web1", "8086:10ca", "0000:01:10.2", "0000:01:10.2")
DISK = Card("disk", "db1", "1b36:0010", "0000:04:00.0", "0000:04:00.0")
MATE = Card("mate", "db1", "8086:10d3", "0000:03:00.1", "0000:03:00.1", guest=False)
STRANGER = "0000:81:00.0"

EXPECTED = Expected((VF, DISK, MATE))
WHOLE = Seen(
    {VF.recorded: VFIO, DISK.recorded: VFIO, MATE.recorded: VFIO, STRANGER: FREE},
    {
        "web1": Domain(True, (VF.recorded,), (VF.recorded,), ("8086:29c0", VF.ids)),
        "db1": Domain(True, (DISK.recorded,), (DISK.recorded,), (DISK.ids,)),
    },
)
#: The disk's card is gone, and that is told wherever it should be.
GONE = replace(DISK, address=None)
WITHOUT_DISK = Expected((VF, GONE, MATE))
TOLD = replace(
    WHOLE,
    functions={VF.recorded: VFIO, MATE.recorded: VFIO, STRANGER: FREE},
    domains={**WHOLE.domains, "db1": Domain(False, (DISK.recorded,))},
    failed=(RESTORE_UNIT,),
    drift=(("not_restored", DISK.recorded),),
)


def counts(expected: Expected, seen: Seen) -> dict[str, int]:
    return {kind: len(faults) for kind, faults in verdict(expected, seen).by_kind().items() if faults}


def functions(seen: Seen, **by_address: Function) -> Seen:
    return replace(seen, functions={**seen.functions, **by_address})


def domains(seen: Seen, **by_name: Domain) -> Seen:
    return replace(seen, domains={**seen.domains, **by_name})


def test_a_host_with_all_of_its_devices_has_no_fault() -> None:
    assert counts(EXPECTED, WHOLE) == {}


def test_a_card_that_is_gone_and_told_is_no_fault() -> None:
    assert counts(WITHOUT_DISK, TOLD) == {}


@pytest.mark.parametrize(
    "function",
    [VFIO, Function("", "vfio-pci"), Function("vfio-pci", ""), Function("nvme", "vfio-pci")],
    ids=["bound", "meant for it", "bound by ids", "meant for it later"],
)
def test_what_was_not_claimed_and_has_vfio_is_a_wrong_bind(function: Function) -> None:
    assert counts(EXPECTED, functions(WHOLE, **{STRANGER: function})) == {"wrong binds": 1}


def test_a_stranger_at_the_recorded_address_is_a_wrong_bind() -> None:
    assert counts(WITHOUT_DISK, functions(TOLD, **{DISK.recorded: VFIO})) == {"wrong binds": 1}


def test_a_domain_that_runs_with_another_s_device_is_a_wrong_bind() -> None:
    web1 = Domain(True, (VF.recorded,), (VF.recorded, DISK.recorded), (VF.ids, DISK.ids))
    assert counts(EXPECTED, domains(WHOLE, web1=web1)) == {"wrong binds": 1}


def test_a_wrong_bind_counts_on_a_damaged_host_too() -> None:
    damaged = replace(WITHOUT_DISK, record=False)
    assert counts(damaged, functions(TOLD, **{DISK.recorded: VFIO})) == {"wrong binds": 1}


def test_an_override_that_holds_a_device_back_is_left_over_once_the_restore_is_through() -> None:
    held_back = functions(TOLD, **{STRANGER: Function("", HELD_BACK)})
    assert counts(WITHOUT_DISK, held_back) == {"overrides left": 1}
    assert counts(replace(WITHOUT_DISK, record=False), held_back) == {}


def test_a_guest_whose_kernel_does_not_see_its_device_is_without_it() -> None:
    db1 = replace(WHOLE.domains["db1"], guest=("8086:29c0",))
    assert counts(EXPECTED, domains(WHOLE, db1=db1)) == {"guests without their device": 1}


def test_one_of_two_alike_is_not_both() -> None:
    twins = Expected((DISK, replace(DISK, name="other disk", recorded="0000:05:00.0", address="0000:05:00.0")))
    both = (DISK.recorded, "0000:05:00.0")
    seen = functions(domains(WHOLE, db1=Domain(True, both, both, (DISK.ids,))), **{"0000:05:00.0": VFIO})
    found = verdict(twins, replace(seen, functions=dict.fromkeys(both, VFIO)))
    assert found.without_device == ["the kernel of db1 does not see 1b36:0010"]


def test_a_domain_that_does_not_run_though_its_devices_are_there_is_without_them() -> None:
    db1 = Domain(False, (DISK.recorded,))
    assert counts(EXPECTED, domains(WHOLE, db1=db1)) == {"guests without their device": 1}


def test_a_domain_that_runs_without_its_device_is_that_and_a_silent_failure() -> None:
    runs = domains(TOLD, db1=Domain(True, (DISK.recorded,), (), (DISK.ids,)))
    assert counts(WITHOUT_DISK, runs) == {"guests without their device": 1, "silent failures": 1}


def test_a_definition_that_did_not_follow_its_device_is_without_it() -> None:
    moved = Expected((VF, replace(DISK, address="0000:05:00.0"), MATE))
    seen = functions(WHOLE, **{"0000:05:00.0": VFIO, DISK.recorded: FREE})
    db1 = Domain(False, (DISK.recorded,))
    assert counts(moved, domains(seen, db1=db1)) == {"guests without their device": 2}


def test_a_device_that_is_at_its_place_and_not_back_is_missing_even_if_it_is_told() -> None:
    for function in (FREE, Function("", ""), Function("", "vfio-pci"), Function("vfio-pci", "")):
        seen = functions(TOLD, **{DISK.recorded: function})
        assert counts(EXPECTED, seen) == {"guests without their device": 1}


def test_a_member_of_a_group_need_not_be_seen_by_the_domain_that_claimed_it() -> None:
    without = replace(functions(WHOLE, **{MATE.recorded: FREE}), failed=(RESTORE_UNIT,), drift=(("x", MATE.recorded),))
    assert counts(EXPECTED, without) == {"guests without their device": 1}
    assert counts(EXPECTED, replace(without, drift=())) == {"guests without their device": 1, "silent failures": 1}


def test_a_device_that_went_to_another_slot_is_followed_or_told() -> None:
    elsewhere = Expected((VF, replace(DISK, address=STRANGER, home=False), MATE))
    assert counts(elsewhere, TOLD) == {}
    followed = domains(
        functions(WHOLE, **{STRANGER: VFIO, DISK.recorded: FREE}),
        db1=Domain(True, (STRANGER,), (STRANGER,), (DISK.ids,)),
    )
    assert counts(elsewhere, followed) == {}


def test_each_place_that_does_not_tell_is_a_silent_failure() -> None:
    assert counts(WITHOUT_DISK, replace(TOLD, failed=())) == {"silent failures": 1}
    assert counts(WITHOUT_DISK, replace(TOLD, drift=())) == {"silent failures": 1}
    assert counts(WITHOUT_DISK, replace(TOLD, drift=(("driver", VF.recorded),))) == {"silent failures": 1}
    assert counts(WITHOUT_DISK, replace(TOLD, failed=(), drift=())) == {"silent failures": 2}


def test_a_record_that_cannot_be_read_is_told_by_the_facts_as_a_whole() -> None:
    unreadable = replace(TOLD, drift=(), facts="the record cannot be read")
    assert counts(replace(WITHOUT_DISK, record=False), unreadable) == {}


@pytest.mark.parametrize("damaged", [replace(EXPECTED, record=False), replace(EXPECTED, program=False)])
def test_of_a_damaged_host_nothing_is_expected_but_that_it_tells(damaged: Expected) -> None:
    nothing = replace(
        WHOLE,
        functions=dict.fromkeys((VF.recorded, DISK.recorded, MATE.recorded, STRANGER), FREE),
        domains={"web1": Domain(False, (VF.recorded,)), "db1": Domain(False, (DISK.recorded,))},
        failed=(RESTORE_UNIT,),
        drift=tuple(("driver", card.recorded) for card in EXPECTED.cards),
    )
    assert counts(damaged, nothing) == {}
    assert counts(damaged, replace(nothing, failed=())) == {"silent failures": 3}


@pytest.mark.parametrize("damaged", [replace(EXPECTED, record=False), replace(EXPECTED, program=False)])
def test_a_damaged_host_whose_devices_are_there_all_the_same_may_leave_its_domains_off(damaged: Expected) -> None:
    off = domains(WHOLE, db1=Domain(False))
    assert counts(damaged, replace(off, failed=(RESTORE_UNIT,), facts="no record")) == {}


def test_a_report_of_nothing_is_a_false_alarm() -> None:
    assert counts(EXPECTED, replace(WHOLE, facts="no record")) == {"false alarms": 1}
    assert counts(EXPECTED, replace(WHOLE, failed=(RESTORE_UNIT, "other.service"))) == {"false alarms": 1}
    assert counts(EXPECTED, replace(WHOLE, drift=(("driver", VF.recorded),))) == {"false alarms": 1}
