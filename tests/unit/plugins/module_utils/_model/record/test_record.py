# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record as an object: on which machine it counts, and the devices that are set aside in it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Waiting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.set_aside import SetAside
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.document import DocumentError, read_document
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, WEB, claim, device, holding

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def aside(address):
    return SetAside(holding(address, None), WEB, "bind_failed", "no", "2026-01-01T00:00:00+0000", ("true",))


def refused(record):
    with pytest.raises(HostdevError) as caught:
        parse_record(json.dumps(record).encode())
    return caught.value


@pytest.mark.parametrize(
    "record",
    [
        Record(Tracker([claim(WEB, holding(A))])),
        Record(Tracker((), [Waiting(C, WEB, device(C).identity)])),
        Record(Tracker((), (), [aside(A)])),
        Record(journal=Journal(Plan("claim", (), Claim(WEB), Claim(WEB)), "boot-1", 0)),
    ],
)
def test_a_record_with_anything_in_it_is_of_the_machine_that_wrote_it(record):
    record.machine_id = "one"
    assert record.is_of("one")
    assert not record.is_of("other")
    assert record.is_of("")  # a machine that has no id
    record.machine_id = ""
    assert record.is_of("other")


def test_an_empty_record_is_of_any_machine():
    assert Record(machine_id="one").is_of("other")


def test_what_is_set_aside_is_written_in_order_and_read():
    record = Record(Tracker([claim(DB, holding(C))], (), [aside(B), aside(A)]))
    written = json.loads(record.as_bytes())
    assert [entry["device"]["address"] for entry in written["set_aside"]] == [A, B]
    assert parse_record(record.as_bytes()).tracker.set_aside == {A: aside(A), B: aside(B)}
    assert "set_aside" not in json.loads(Record().as_bytes())


def test_what_is_set_aside_is_so_once_and_held_by_nobody():
    record = Record(Tracker((), (), [aside(A), aside(B)])).as_dict()
    twice = refused({**record, "set_aside": [*record["set_aside"], record["set_aside"][1]]})
    assert (twice.code, twice.subject, twice.found, twice.wanted) == (
        "record_unreadable",
        "set_aside[2].device.address",
        f"found {B} twice",
        "each device once",
    )
    held = refused({**record, "claims": [claim(DB, holding(B)).as_dict()]})
    assert (held.subject, held.found) == ("set_aside[1].device.address", f"found {B}, held by {DB}")


@pytest.mark.parametrize(
    ("text", "path", "found", "wanted"),
    [
        ('{"a": {"b": 1, "b": 2}}', "a.b", 'the key "b" twice in one mapping', "each key once"),
        ('{"a": [1, {"b": NaN}]}', "a[1].b", "NaN", "JSON, which has no such number"),
        ('{"a": 1e999}', "a", "the number 1e999", "a finite number"),
        ('{"a": 1234567890123456789}', "a", "a number of 19 digits", "at most 18 digits"),
        ('["\\ud800"]', "[0]", "it has half of a surrogate pair", "Unicode text"),
        ('{"a": {"\\ud800": 1}}', "a", "it has half of a surrogate pair", "Unicode text"),
        ("", "", "it is empty", "JSON"),
        (" ", "", "it is blank", "JSON"),
    ],
)
def test_what_python_would_read_and_a_record_may_not_have_is_told_with_its_place(text, path, found, wanted):
    with pytest.raises(DocumentError) as caught:
        read_document(text.encode())
    assert (caught.value.path, caught.value.found, caught.value.wanted) == (path, found, wanted)


def test_the_largest_number_that_is_read_has_eighteen_digits():
    assert read_document(b'{"a": 123456789012345678, "b": 0.5}') == {"a": 123456789012345678, "b": 0.5}
