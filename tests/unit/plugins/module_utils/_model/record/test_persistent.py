# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the record says of devices that come back, of those that have moved, and of VFs: written, read, and refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, holding, inventory, pf, vf

A, PF = "0000:01:00.0", "0000:02:00.0"
HELD = replace(
    claim(WEB, holding(A, moved_from="0000:09:00.0")), persist=True, allow=frozenset({"boot_vga", "ip_configured"})
)
VFS = MadeVfs(PF, pf(PF).identity, PfState(4), PfState(0), persist=True, allow=frozenset({"mgmt_nic", "default_route"}))


VF = "0000:02:10.0"
HELD_VF = claim(WEB, holding(VF, identity=inventory(pf(PF, VF, serial="X"), vf(VF, PF)).devices[VF].identity))


def written(**fields):
    return json.loads(Record(Tracker([replace(HELD, **fields)], made_vfs=[VFS])).as_bytes())


def test_it_is_read_as_it_was_written():
    record = parse_record(Record(Tracker([HELD], made_vfs=[VFS])).as_bytes())
    assert list(record.tracker) == [HELD]
    assert record.tracker.made_vfs == {PF: VFS}


def test_what_says_nothing_is_not_written():
    document = written(persist=False, allow=frozenset(), holdings={A: holding(A)})
    (entry,) = document["claims"]
    assert {"persist", "allow"}.isdisjoint(entry)
    assert "moved_from" not in entry["devices"][0]
    plain = Record(Tracker(made_vfs=[replace(VFS, persist=False, allow=frozenset())])).as_dict()
    assert {"persist", "allow"}.isdisjoint(plain["vfs"][0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("claims", 0, "persist"), "yes"),
        (("claims", 0, "persist"), None),
        (("claims", 0, "allow"), "boot_vga"),
        (("claims", 0, "allow"), [1]),
        (("claims", 0, "devices", 0, "moved_from"), "09:00.0"),
        (("claims", 0, "devices", 0, "moved_from"), None),
        (("vfs", 0, "persist"), 1),
        (("vfs", 0, "allow"), "mgmt_nic"),
    ],
)
def test_what_is_of_another_form_is_refused(path, value):
    document = copy.deepcopy(written())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(HostdevError) as caught:
        parse_record(json.dumps(document).encode())
    assert str(path[-1]) in caught.value.message


def test_a_vf_is_read_as_it_was_written_with_its_pf():
    written = Record(Tracker([HELD_VF]))
    (entry,) = written.as_dict()["claims"][0]["devices"]
    assert [entry["identity"][key] for key in ("vf_number", "pf_product_id", "pf_serial")] == ["0", "10c9", "X"]
    assert list(parse_record(written.as_bytes()).tracker) == [HELD_VF]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vf_number", "-1"),
        ("vf_number", "01"),
        ("vf_number", 0),
        ("vf_number", None),
        ("pf_vendor_id", None),
        ("pf_class_id", ...),
        ("pf_serial", 5),
        ("pf_vf_number", "0"),
    ],
)
def test_a_vf_of_another_form_is_refused(key, value):
    document = json.loads(Record(Tracker([HELD_VF])).as_bytes())
    identity = document["claims"][0]["devices"][0]["identity"]
    identity[key] = value
    if value is ...:
        del identity[key]
    with pytest.raises(HostdevError, match=key):
        parse_record(json.dumps(document).encode())


def test_a_pf_without_the_number_of_its_vf_is_refused():
    document = json.loads(Record(Tracker([HELD_VF])).as_bytes())
    del document["claims"][0]["devices"][0]["identity"]["vf_number"]
    with pytest.raises(HostdevError, match="vf_number: it is missing"):
        parse_record(json.dumps(document).encode())
