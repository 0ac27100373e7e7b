# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wings that are mutated, each with the tests that are to kill its mutants."""

from __future__ import annotations

from pathlib import Path

COLLECTION = Path("ansible_collections/kvm/hostdev")
UTILS = COLLECTION / "plugins/module_utils"
TESTS = COLLECTION / "tests/unit/plugins/module_utils"

# A rule is to be killed where it is tested: in the folders of its storey, and in the few flows that are about it. All
# tests would be ten times slower, and kill by chance.
WINGS: dict[str, tuple[str, ...]] = {
    "_model/decision/passthrough": (
        "_model/decision",
        "_host/change/test_passthrough.py",
        "_host/change/test_passthrough_competing.py",
        "_host/change/test_passthrough_gone.py",
        "_host/change/test_passthrough_renamed.py",
        "_host/change/test_reconciling.py",
    ),
    "_model/guards": (
        "_model",
        "_host/change/test_flow_usb_scsi.py",
        "_host/change/test_set_aside.py",
        "_host/change/test_used_meanwhile.py",
    ),
    "_model/record": (
        "_model/record",
        "_model/claims",
        "_host/record",
        "_host/change/test_flow_record.py",
        "_host/change/test_set_aside.py",
    ),
    "_model/relations": ("_model", "_host/change/test_together.py"),
    "_model/selection": ("_model", "_host/change/test_flow_usb_scsi.py", "_host/change/test_set_aside.py"),
    "_host/usage": ("_host/usage", "_host/change/test_used_meanwhile.py"),
    "_host/binding": (
        "_host/binding",
        "_host/test_hung_writes.py",
        "_host/change/test_flow.py",
        "_host/change/test_flow_guests.py",
        "_host/change/test_release_to.py",
    ),
    "_host/record": ("_host/record", "_host/change/test_flow_record.py"),
    "_host/change": ("_host/change", "_host/record/test_record_file.py"),
}

# Left out: what reads the sources as text, which holds all mutants at once, and what takes seconds, for each mutant:
# twenty processes at once, thousands of changes in a row, any bytes and values.
LEFT_OUT = (
    "_model/guards/test_registry.py",
    "_host/change/test_races.py",
    "_model/availability/test_states_random.py",
    "_model/record/test_schema.py::test_any_value_at_any_place_is_read_or_refused",
    "_model/record/test_schema.py::test_any_bytes_anywhere_are_read_or_refused",
    "_host/record/test_record_file.py::test_the_record_of_a_large_host_stays_small",
)
# Which tests reach a function is seen in their own process. These run in a child of it alone: tests pin them (of writes
# that hang, of disks that are held), and mutmut does not know.
IN_CHILDREN = {
    "_host/binding/exclusive.py": ("_open_and_wait", "_open_patiently"),
    "_host/binding/sysfs_writer.py": ("_supervise", "_write", "_await"),
}
