# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record's schema, the way to it from older ones, and that nothing in a file gets past it as another error."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Owner, Waiting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.unfinished import UnfinishedRun
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.reading import read_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import (
    MIGRATIONS,
    SCHEMA,
    Record,
    parse_record,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, DPDK, VFIO, WEB, claim, device, holding
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
GOLDEN = DATA / "record-schema-2.json"
# A claim and a release of every kind of device with every option, as it was written before all fields were checked.
FULL = DATA / "record-schema-2-full.json"


def whole() -> Record:
    """A record with everything in it that this schema has."""
    held = claim(
        WEB,
        holding(A, managed=False, one_time_use=True),
        holding(B, None, adopted=True, original=Binding(None, "vfio-pci")),
        requests={
            "nic": {"name": "nic", "count": 1, "specs": [{"class": "02", "tags": {"x": [1, None]}}]},
            "disk": {"name": "disk", "address": C, "numa_policy": "required"},
        },
    )
    steps = (
        DriverStep(A, Binding("e1000e", None), VFIO),
        HostdevStep(A, "web1", WEB.id, "config", None, hostdev_xml(A, managed=True)),
    )
    return Record(
        Tracker([held, Claim(DPDK)], [Waiting(C, Owner("name", "é", "é"), device(C).identity)]),
        Journal(Plan("release", steps, held, Claim(WEB)), "boot-1", 1),
        "boot-2",
        [{"vendor_id": "8086", "numa_node": 0, "pcie_switches": ["0000:17:00.0"], "link_speed": 16.0, "count": 4}],
    )


def parsed(value: object) -> Record:
    return parse_record(json.dumps(value).encode())


def refused(data: bytes, **options: t.Any) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        parse_record(data, **options)
    assert caught.value.code == "record_unreadable"
    return caught.value


def document() -> dict[str, t.Any]:
    return json.loads(whole().as_bytes())


def test_schema_2_is_written_as_it_always_was():
    assert whole().as_bytes().decode() == GOLDEN.read_text(encoding="utf-8")
    assert SCHEMA == 2


@pytest.mark.parametrize("schema", [1, 2])
def test_each_schema_is_read_as_it_always_was(schema):
    data = (DATA / f"record-schema-{schema}.json").read_bytes()
    record, wanted = parse_record(data), whole()
    assert list(record.tracker) == list(wanted.tracker)
    assert record.tracker.waiting == wanted.tracker.waiting
    assert (record.journal, record.boot_id, record.pools) == (wanted.journal, wanted.boot_id, json.loads(data)["pools"])


def test_every_field_that_was_ever_written_is_read_and_written_again():
    data = json.loads(FULL.read_bytes())
    record = parse_record(FULL.read_bytes())
    assert record.as_dict() == data


def test_every_field_of_schema_1_comes_through():
    data = json.loads((DATA / "record-schema-1-full.json").read_bytes())
    # Beside an address the count says nothing. It was written when a part of a claim was released.
    assert data["journal"]["claim_after"]["requests"][0].pop("count") == 1
    assert parse_record(json.dumps(data).encode()).as_dict() == {**data, "schema": SCHEMA}


def test_an_empty_record_is_written_and_read():
    assert parse_record(Record().as_bytes()).as_dict() == Record().as_dict()


# Other schemas.


def _rename(data: dict[str, t.Any]) -> dict[str, t.Any]:
    """From a schema that never was, in which claims had another name and there were no pools."""
    return {**{key: value for key, value in data.items() if key != "holders"}, "claims": data["holders"], "pools": []}


def _older(schema: int) -> bytes:
    data = document()
    return json.dumps({**data, "schema": schema, "holders": data.pop("claims"), "pools": None}).encode()


def test_an_older_record_is_brought_to_this_schema_step_by_step():
    seen = []

    def first(data):
        seen.append(data["schema"])
        return data

    record = parse_record(_older(-1), {-1: first, 0: _rename, **MIGRATIONS})
    assert seen == [-1]
    assert list(record.tracker) == list(whole().tracker)
    assert record.as_dict()["schema"] == SCHEMA


def test_an_older_record_to_which_there_is_no_way_says_so():
    error = refused(_older(0))
    assert (error.subject, error.found, error.wanted) == ("schema", "its schema is 0", f"schema {SCHEMA}")


def test_a_migration_that_can_not_take_an_older_record_is_an_unreadable_record():
    assert refused(b'{"schema": 0}', migrations={0: _rename}).found == "KeyError: 'holders'"


def test_there_is_a_way_from_every_schema_that_has_one_to_this():
    assert sorted(MIGRATIONS) == list(range(SCHEMA - len(MIGRATIONS), SCHEMA))


def test_a_newer_record_is_refused_whatever_else_is_in_it():
    error = refused(b'{"schema": 999, "claims": 5}')
    assert (error.found, error.wanted, error.remedy) == (
        "its schema is 999",
        f"schema {SCHEMA}",
        "update the collection",
    )


# What is not of the form, with its place.


def changed(path: str, value: object, data: t.Any = None) -> dict[str, t.Any]:
    """The whole record with another value at a path such as `claims.0.owner`; `...` takes it away."""
    data = document() if data is None else data
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: t.Any = data
    for part in way:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "subject", "found"),
    [
        ("schema", ..., "schema", "it is missing"),
        ("schema", "1", "schema", "its schema is '1'"),
        ("schema", True, "schema", "its schema is True"),
        ("schema", 1.0, "schema", "its schema is 1.0"),
        ("journal", ..., "journal", "it is missing"),
        ("journal", 5, "journal", "found 5"),
        ("journal.operation", "steal", "journal.operation", 'found "steal"'),
        ("journal.begun", True, "journal.begun", "found true"),
        ("journal.begun", -1, "journal.begun", "found -1"),
        ("journal.begun", 3, "journal.begun", "found 3"),
        ("claims.0.owner.id", WEB.id.upper(), "claims[0].owner.id", f'found "{WEB.id.upper()}"'),
        ("journal.claim_after.owner.id", "x", "journal.claim_after.owner.id", 'found "x"'),
        ("journal.claim_after.owner.id", DB.id, "journal.claim_after.owner", f"found domain web1 ({DB.id})"),
        ("journal.steps.0.kind", "tickle", "journal.steps[0].kind", 'found "tickle"'),
        ("journal.steps.0.kind", ..., "journal.steps[0].kind", "it is missing"),
        ("journal.steps.0.before.driver", "../x", "journal.steps[0].before.driver", 'found "../x"'),
        ("journal.steps.1.uuid", None, "journal.steps[1].uuid", "found null"),
        ("boot_id", ["x"], "boot_id", "found a list"),
        ("claims", {}, "claims", "found an empty mapping"),
        ("claims.0", "x", "claims[0]", 'found "x"'),
        ("claims.0.owner.kind", "user", "claims[0].owner.kind", 'found "user"'),
        ("claims.0.owner.id", 5, "claims[0].owner.id", "found 5"),
        ("claims.0.requests.0.name", 5, "claims[0].requests[0].name", "found 5"),
        ("claims.0.requests.1.count", 0, "claims[0].requests[1].count", "found 0"),
        ("claims.0.requests.1.name", "disk", "claims[0].requests[1].name", "found 'disk' again"),
        ("claims.0.requests.1.specs", [5], "claims[0].requests[1].specs[0]", "found 5"),
        ("claims.0.devices.0.address", "../../etc", "claims[0].devices[0].address", 'found "../../etc"'),
        ("claims.0.devices.0.address", "a\n", "claims[0].devices[0].address", 'found "a\\n"'),
        ("claims.0.devices.1.address", A, "claims[0].devices[1].address", f"found '{A}' again"),
        ("claims.0.devices.0.adopted", 1, "claims[0].devices[0].adopted", "found 1"),
        ("claims.0.devices.0.attach", "config", "claims[0].devices[0].attach", 'found "config"'),
        ("claims.0.devices.0.managed", "no", "claims[0].devices[0].managed", 'found "no"'),
        ("claims.0.devices.0.original", None, "claims[0].devices[0].original", "found null"),
        ("claims.0.devices.0.original.driver", "", "claims[0].devices[0].original.driver", 'found ""'),
        ("claims.0.devices.0.identity.serial", [], "claims[0].devices[0].identity.serial", "found an empty list"),
        ("claims.0.devices.0.identity", {"a.b": 5}, 'claims[0].devices[0].identity."a.b"', "found 5"),
        ("claims.0.devices.0.since", "yesterday", "claims[0].devices[0].since", 'found "yesterday"'),
        (
            "claims.0.devices.0.until",
            "2026-02-30T00:00:00Z",
            "claims[0].devices[0].until",
            'found "2026-02-30T00:00:00Z"',
        ),
        (
            "claims.0.devices.0.until",
            "2026-02-01T00:00:00",
            "claims[0].devices[0].until",
            'found "2026-02-01T00:00:00"',
        ),
        ("claims.0.labels", {"team": 5}, "claims[0].labels.team", "found 5"),
        ("claims.0.labels", ["team"], "claims[0].labels", "found a list"),
        ("needs_cleaning", None, "needs_cleaning", "found null"),
        ("needs_cleaning.0.owner", ..., "needs_cleaning[0].owner", "it is missing"),
        ("pools.0", 5, "pools[0]", "found 5"),
        ("pools.0.count", {}, "pools[0].count", "found an empty mapping"),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_place(path, value, subject, found):
    error = refused(json.dumps(changed(path, value)).encode())
    assert (error.subject, error.found) == (subject, found)
    assert error.wanted


@pytest.mark.parametrize(
    ("path", "value", "subject"),
    [
        # To whom else the device may belong: undone, its driver would go to the host.
        ("journal.steps.0.address", C, "journal.steps[0].address"),
        ("journal.steps.0.address", "0000:81:00.0", "journal.steps[0].address"),
        # Undone, what is not the device would enter the domain.
        ("journal.steps.1.after", "<hostdev managed='yes'/>", "journal.steps[1].after"),
        ("journal.steps.1.after", hostdev_xml(B, managed=True), "journal.steps[1].after"),
        ("journal.steps.1.after", "<disk type='file'><source file='/etc/shadow'/></disk>", "journal.steps[1].after"),
        ("journal.steps.1.after", f"<!DOCTYPE x>{hostdev_xml(A, managed=True)}", "journal.steps[1].after"),
        (
            "journal.steps.1.after",
            hostdev_xml(A, managed=True).replace("</source>", "<a>" * 9000 + "</a>" * 9000 + "</source>"),
            "journal.steps[1].after",
        ),
        (
            "journal.steps.1.after",
            "<hostdev><source><address domain='x' bus='0x01' slot='0' function='0'/></source></hostdev>",
            "journal.steps[1].after",
        ),
        ("journal.claim_before.devices.1.address", C, "journal.claim_before"),
        ("journal.boot_id", "", "journal.boot_id"),
        ("journal.boot_id", "boot-1 ", "journal.boot_id"),
        ("claims.0.devices.0.attach", ["live", "config"], "claims[0].devices[0].attach"),
        ("claims.0.devices.0.attach", ["config", "config"], "claims[0].devices[0].attach"),
        ("claims.0.devices.0.original.driver", "vfio-pci", "claims[0].devices[0].original.driver"),
        ("pools.0.vendor_id", "0x8086", "pools[0].vendor_id"),
    ],
)
def test_what_does_not_go_with_the_rest_is_refused_with_its_place(path, value, subject):
    assert refused(json.dumps(changed(path, value)).encode()).subject == subject


STOOD = hostdev_xml(A, managed=True)


def test_what_stood_before_is_written_where_there_is_something_and_read():
    held = claim(WEB, holding(A, stood_before={"config": STOOD}))
    record = parse_record(Record(Tracker([held, Claim(DPDK)])).as_bytes())
    assert list(record.tracker) == [held]
    assert "stood_before" not in claim(WEB, holding(A)).as_dict()["devices"][0]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (None, ""),
        ({}, ""),
        (STOOD, ""),
        ({"both": STOOD}, ""),
        ({"config": None}, ".config"),
        ({"config": "<hostdev"}, ".config"),
        ({"live": hostdev_xml(B, managed=True)}, ".live"),
        ({"config": "<hostdev managed='yes'/>"}, ".config"),
        ({"config": STOOD.replace("hostdev", "filesystem")}, ".config"),
        ({"config": f"<!DOCTYPE x>{STOOD}"}, ".config"),
        ({"config": STOOD.replace('bus="0x01"', 'bus="-9"')}, ".config"),
    ],
)
def test_what_can_not_have_stood_before_is_refused_with_its_place(value, place):
    error = refused(json.dumps(changed("claims.0.devices.0.stood_before", value)).encode())
    assert error.subject.startswith(f"claims[0].devices[0].stood_before{place}")


def test_a_release_gives_nobody_what_he_did_not_have():
    data = changed("journal.operation", "claim")
    data["journal"]["claim_before"], data["journal"]["claim_after"] = (
        data["journal"]["claim_after"],
        data["journal"]["claim_before"],
    )
    data["claims"] = []
    parsed(data)
    data["journal"]["operation"] = "release"
    assert refused(json.dumps(data).encode()).subject == "journal.operation"


@pytest.mark.parametrize("read", [parse_record, lambda data: read_record(data, lambda: UnfinishedRun)])
def test_a_journal_of_what_somebody_else_holds_is_refused_by_whoever_reads_it(read):
    data = document()
    data["claims"] = [claim(DPDK, holding(A)).as_dict()]
    with pytest.raises(HostdevError) as caught:
        read(json.dumps(data).encode())
    assert caught.value.subject == "journal.claim_before"
    assert caught.value.found == f"found {A}, held by owner dpdk0"


def test_a_journal_of_a_claim_that_is_not_on_record_is_refused():
    data = document()
    data["claims"] = []
    error = refused(json.dumps(data).encode())
    assert (error.subject, error.wanted) == ("journal.claim_before", "no device, as the claim on record has")


def test_a_device_of_two_owners_and_an_owner_of_two_claims_are_refused():
    data = document()
    data["claims"].append(claim(DPDK, holding(A)).as_dict())
    error = refused(json.dumps(data).encode())
    assert (error.subject, error.found) == ("claims[1].devices", f"{A} is held by domain web1 ({WEB.id})")
    data["claims"][1] = claim(WEB, holding(C)).as_dict()
    error = refused(json.dumps(data).encode())
    assert (error.subject, error.found) == ("claims[1].owner", f"found a second claim of domain web1 ({WEB.id})")


@pytest.mark.parametrize(
    ("data", "subject", "found"),
    [
        (b"", "record", "it is empty"),
        (b" \n", "record", "it is blank"),
        (b"{", "record", "JSONDecodeError: Expecting property name"),
        (b"[] x", "record", "JSONDecodeError: Extra data"),
        (b"\xff", "record", "UnicodeDecodeError: "),
        (b"\xef\xbb\xbf{}", "record", "JSONDecodeError: "),
        (b"null", "record", "found null"),
        (b'{"schema": NaN}', "schema", "NaN"),
        (b'{"schema": -Infinity}', "schema", "-Infinity"),
        (b'{"schema": 1e999}', "schema", "the number 1e999"),
        (b'{"schema": 1' + b"0" * 5000 + b"}", "schema", "a number of 5001 digits"),
        (b'{"schema": 1, "schema": 1}', "schema", 'the key "schema" twice in one mapping'),
        (b'{"schema": 1, "boot_id": "\\ud800"}', "boot_id", "it has half of a surrogate pair"),
        (b"[" * 100_000, "record", "RecursionError: "),
        (b'{"a":' * 100_000, "record", "RecursionError: "),
    ],
)
def test_what_is_no_strict_json_is_refused(data, subject, found):
    error = refused(data)
    assert error.found.startswith(found)
    assert error.subject == subject


@pytest.mark.parametrize(
    ("path", "subject", "meant"),
    [
        ("note", "note", ""),
        ("claims.0.devices.0.note", "claims[0].devices[0].note", ""),
        ("claims.0.devices.0.guest_adress", "claims[0].devices[0].guest_adress", "guest_address"),
        ("claims.0.requests.1.specs.0.venodr_id", "claims[0].requests[1].specs[0].venodr_id", "vendor_id"),
        ("claims.0.requests.1.boot_ordre", "claims[0].requests[1].boot_ordre", "boot_order"),
        ("claims.0.requests.1.alias", "claims[0].requests[1].alias", ""),
        ("claims.0.owner.nmae", "claims[0].owner.nmae", ""),
        ("journal.begin", "journal.begin", "begun"),
        ("journal.steps.0.befor", "journal.steps[0].befor", "before"),
        ("needs_cleaning.0.adress", "needs_cleaning[0].adress", "address"),
        ("pools.0.numa_nod", "pools[0].numa_nod", "numa_node"),
    ],
)
def test_a_key_that_the_schema_does_not_have_is_refused_since_it_would_be_lost(path, subject, meant):
    error = refused(json.dumps(changed(path, {"by": ["somebody"]})).encode())
    assert (error.subject, error.found) == (subject, "found a mapping")
    assert error.wanted.startswith("one of the keys ")
    assert (f"(did you mean {meant}?)" in error.wanted) == bool(meant)


# Its claims: web1 with 0 a100, 1 disk, 2 more, 3 nic, 4 stick, 5 tape, and dpdk0.
DEVICE, REQUEST, STEP = "claims.0.devices.", "claims.0.requests.", "journal.steps."
CONSTRAINT = "claims.0.constraints."


@pytest.mark.parametrize(
    ("path", "value", "subject", "found"),
    [
        (f"{DEVICE}0.vf_settings.trust", "no", "claims[0].devices[0].vf_settings.trust", 'found "no"'),
        (f"{DEVICE}0.vf_settings.mac", True, "claims[0].devices[0].vf_settings.mac", "found true"),
        (f"{DEVICE}0.vf_settings", {}, "claims[0].devices[0].vf_settings", "found an empty mapping"),
        (f"{DEVICE}0.guest_address", "05:00.0", "claims[0].devices[0].guest_address", 'found "05:00.0"'),
        (f"{DEVICE}0.guest_address", "0000:05", "claims[0].devices[0].guest_address", 'found "0000:05"'),
        (f"{DEVICE}0.guest_address", None, "claims[0].devices[0].guest_address", "found null"),
        (f"{DEVICE}0.address", "0000:01:1x.0", "claims[0].devices[0].address", 'found "0000:01:1x.0"'),
        (f"{DEVICE}0.address", "0000:01:10.0\n", "claims[0].devices[0].address", 'found "0000:01:10.0\\n"'),
        (f"{DEVICE}0.address", "01:10.0", "claims[0].devices[0].address", 'found "01:10.0"'),
        (f"{DEVICE}0.address", "0000:01:1F.0", "claims[0].devices[0].address", 'found "0000:01:1F.0"'),
        (f"{DEVICE}0.attach.1", "running", "claims[0].devices[0].attach[1]", 'found "running"'),
        (f"{DEVICE}0.request", "gpu", "claims[0].devices[0].request", 'found "gpu"'),
        (f"{DEVICE}0.request", "stick", "claims[0].devices[0].request", 'found "stick"'),
        (f"{DEVICE}0.request", None, "claims[0].devices[0].role", 'found "requested"'),
        (f"{DEVICE}0.role", ..., "claims[0].devices[0].role", "it is missing"),
        (f"{DEVICE}0.one_time_use", False, "claims[0].devices[0].one_time_use", "found false"),
        (f"{DEVICE}0.identity.vendor_id", ..., "claims[0].devices[0].identity.vendor_id", "it is missing"),
        (f"{DEVICE}0.identity.vendor_id", None, "claims[0].devices[0].identity.vendor_id", "found null"),
        (f"{DEVICE}0.identity.vendor_id", "8086 ", "claims[0].devices[0].identity.vendor_id", 'found "8086 "'),
        (f"{DEVICE}0.identity.product_id", "10CA", "claims[0].devices[0].identity.product_id", 'found "10CA"'),
        (f"{DEVICE}0.identity.subsystem_vendor_id", "no", "claims[0].devices[0].identity.subsystem_vendor_id", '"no"'),
        (f"{DEVICE}0.identity.subsystem_product_id", "", "claims[0].devices[0].identity.subsystem_product_id", '""'),
        (f"{DEVICE}0.identity.class_id", "0200", "claims[0].devices[0].identity.class_id", 'found "0200"'),
        ("claims.0.owner.kind", "name", "claims[0].owner.label", 'found "web1"'),
        ("claims.1.owner.label", "web1", "claims[1].owner.label", 'found "web1"'),
        ("claims.0.node_devices.1.identity.vendor_id", "951", "claims[0].node_devices[1].identity.vendor_id", '"951"'),
        ("claims.0.node_devices.1.identity.product_id", None, "claims[0].node_devices[1].identity.product_id", "null"),
        ("claims.0.node_devices.1.name", "usb", "claims[0].node_devices[1].name", 'found "usb"'),
        ("claims.0.node_devices.1.name", "scsi_0_0_0_0", "claims[0].node_devices[1].name", 'found "scsi_0_0_0_0"'),
        ("claims.0.node_devices.0.name", "usb_1_2", "claims[0].node_devices[0].name", 'found "usb_1_2"'),
        ("claims.0.node_devices.1.request", "nic", "claims[0].node_devices[1].request", 'found "nic"'),
        ("claims.0.node_devices.1.request", "tape", "claims[0].node_devices[1].request", 'found "tape"'),
        ("claims.0.node_devices.1.identity.wwid", "x", "claims[0].node_devices[1].identity.wwid", 'found "x"'),
        (f"{REQUEST}3.rom", {"bar": "perhaps"}, "claims[0].requests[3].rom.bar", 'found "perhaps"'),
        (f"{REQUEST}3.rom.file", "rom.bin", "claims[0].requests[3].rom.file", "found 'rom.bin'"),
        (f"{REQUEST}3.rom", {}, "claims[0].requests[3].rom", "found an empty mapping"),
        (f"{REQUEST}3.rom.fiel", "/x", "claims[0].requests[3].rom.fiel", 'found "/x"'),
        (f"{REQUEST}3.managed", "no", "claims[0].requests[3].managed", 'found "no"'),
        (f"{REQUEST}3.boot_order", 0, "claims[0].requests[3].boot_order", "found 0"),
        (f"{REQUEST}3.network.vlan", 4095, "claims[0].requests[3].network.vlan", "found 4095"),
        (f"{REQUEST}3.network.mac", "52:54:00:AA:00:01", "claims[0].requests[3].network.mac", '52:54:00:AA:00:01"'),
        (f"{REQUEST}3.count", 2, "claims[0].requests[3].guest_address", "found '0000:05:00.0'"),
        (f"{REQUEST}3.name", "nic ", "claims[0].devices[0].request", 'found "nic"'),
        (f"{REQUEST}2.numa_policy", "close", "claims[0].requests[2].numa_policy", 'found "close"'),
        (f"{REQUEST}2.numa_policy", "legacy", "claims[0].requests[2].numa_policy", 'found "legacy"'),
        (f"{REQUEST}2.specs", [], "claims[0].requests[2].specs", "found []"),
        (f"{REQUEST}2.specs.0.class", "2", "claims[0].requests[2].specs[0].class", "found '2'"),
        (f"{REQUEST}2.specs.0.one_time_use", True, "claims[0].requests[2].specs[0].one_time_use", "found true"),
        (f"{REQUEST}3.specs.1.address.bus", "[", "claims[0].requests[3].specs[1].address.bus", "found '['"),
        (f"{REQUEST}3.specs.1.tags.fast", {"a": 1}, "claims[0].requests[3].specs[1].tags.fast", "found a mapping"),
        (f"{REQUEST}0.first_available", [[{}]], "claims[0].requests[0].first_available", "found a list"),
        (f"{REQUEST}0.first_available.1", [], "claims[0].requests[0].first_available[1]", "found an empty list"),
        (f"{REQUEST}0.first_available.1", {}, "claims[0].requests[0].first_available[1]", "found an empty mapping"),
        (f"{REQUEST}0.first_available.1.0.class", 2, "claims[0].requests[0].first_available[1][0].class", "found 2"),
        (f"{REQUEST}0.specs", [{}], "claims[0].requests[0]", "found 'specs and first_available'"),
        (f"{CONSTRAINT}0.requests.1", "nick", "claims[0].constraints[0].requests[1]", 'found "nick"'),
        (f"{CONSTRAINT}0.requests.1", "a100", "claims[0].constraints[0].requests[1]", 'found "a100"'),
        (f"{CONSTRAINT}0.requests", [], "claims[0].constraints[0].requests", "found an empty list"),
        (f"{CONSTRAINT}0.match", ..., "claims[0].constraints[0]", "found a mapping"),
        (f"{CONSTRAINT}0.distinct", "slot", "claims[0].constraints[0]", "found a mapping"),
        (f"{CONSTRAINT}0.match", None, "claims[0].constraints[0].match", "found null"),
        (f"{CONSTRAINT}0.pair", False, "claims[0].constraints[0].pair", "found false"),
        (f"{CONSTRAINT}0.weight", 1, "claims[0].constraints[0].weight", "found 1"),
        (f"{CONSTRAINT}2.requests", ["nic"], "claims[0].constraints[2].requests", "found a list"),
        ("claims.0.constraints", [], "claims[0].constraints", "found an empty list"),
        ("claims.0.prefer.0.requests.0", "a1", "claims[0].prefer[0].requests[0]", 'found "a1"'),
        (f"{REQUEST}1.address", "02:00.0", "claims[0].requests[1].address", 'found "02:00.0"'),
        (f"{REQUEST}1.count", 2, "claims[0].requests[1].count", "found 2"),
        (f"{REQUEST}1.specs", [{}], "claims[0].requests[1]", "found 'address and specs'"),
        (f"{REQUEST}4.usb.port", "1", "claims[0].requests[4].usb.port", "found '1'"),
        (f"{REQUEST}4.boot_order", 1, "claims[0].requests[4].boot_order", "found 1"),
        (f"{REQUEST}5.scsi.lun", ..., "claims[0].requests[5].scsi.lun", "it is missing"),
        ("claims.0.node_devices", [], "claims[0].node_devices", "found an empty list"),
        (f"{STEP}0.place", "running", "journal.steps[0].place", 'found "running"'),
        (f"{STEP}0.before", "<hostdev", "journal.steps[0].before", 'found "<hostdev" (unclosed token'),
        (f"{STEP}0.before", "<disc/>", "journal.steps[0].before", 'found "<disc/>"'),
        (f"{STEP}0.before", None, "journal.steps[0].after", "found null"),
        (f"{STEP}0.after", "<hostdev/>", "journal.steps[0].after", 'found "<hostdev/>"'),
        (f"{STEP}0.address", "usb_1_2_4", "journal.steps[0].address", 'found "usb_1_2_4"'),
        (f"{STEP}0.kind", "driver", "journal.steps[0].domain", 'found "web1"'),
        (f"{STEP}0.uuid", "web1", "journal.steps[0].uuid", 'found "web1"'),
        (f"{STEP}1.uuid", "", "journal.steps[1].uuid", 'found ""'),
        (f"{STEP}3.uuid", "0", "journal.steps[3].uuid", 'found "0"'),
        (f"{STEP}1.before", "<interface/>", "journal.steps[1].before", 'found "<interface/>"'),
        (f"{STEP}1.address", "../x", "journal.steps[1].address", 'found "../x"'),
        (f"{STEP}2.before.trust", "on", "journal.steps[2].before.trust", 'found "on"'),
        (f"{STEP}2.after.spoofcheck", True, "journal.steps[2].after.spoofcheck", "found true"),
        (f"{STEP}2.pf", "eth0", "journal.steps[2].pf", 'found "eth0"'),
        (f"{STEP}2.index", -1, "journal.steps[2].index", "found -1"),
        (f"{STEP}3.before.0", "1", "journal.steps[3].before[0]", 'found "1"'),
        (f"{STEP}3.before.0", 9, "journal.steps[3].after", "found [1, 2, 3] after [9, 2]"),
        (f"{STEP}3.after", None, "journal.steps[3].after", "found null"),
        (f"{STEP}4.after.driver", ..., "journal.steps[4].after.driver", "it is missing"),
        ("journal.claim_before.devices.0.address", "1", "journal.claim_before.devices[0].address", 'found "1"'),
        ("journal.claim_before.requests.3.rom.file", "x", "journal.claim_before.requests[3].rom.file", "found 'x'"),
        ("needs_cleaning.0.address", "07:00.0", "needs_cleaning[0].address", 'found "07:00.0"'),
        ("needs_cleaning.0.address", "0000:04:00.0", "needs_cleaning[0].address", "held by owner dpdk0"),
        ("needs_cleaning.0.identity", {}, "needs_cleaning[0].identity.vendor_id", "it is missing"),
        ("pools.0.count", 0, "pools[0].count", "found 0"),
        ("pools.0.pcie_root", "/pci", "pools[0].pcie_root", 'found "/pci"'),
        ("pools.0.pcie_switches", ["17:00.0"], "pools[0].pcie_switches[0]", 'found "17:00.0"'),
        ("pools.0.link_speed", 0, "pools[0].link_speed", "found 0"),
        ("pools.0.link_speed", True, "pools[0].link_speed", "found true"),
        ("pools.0.device_type", "VF", "pools[0].device_type", 'found "VF"'),
        ("pools.0.physical_function", "eth0", "pools[0].physical_function", 'found "eth0"'),
    ],
)
def test_no_field_of_any_kind_is_taken_for_another_value(path, value, subject, found):
    error = refused(json.dumps(changed(path, value, json.loads(FULL.read_bytes()))).encode())
    assert (error.subject, found in error.found) == (subject, True), error.found
    assert error.wanted


# Whatever is in it.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(value: t.Any, way: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*way, key)
        yield from _places(item, (*way, key))


def read_or_refused(data: bytes) -> Record | None:
    """The record, None where it is refused as it is to be; another exception fails the test."""
    refusal = None
    try:
        return parse_record(data)
    except HostdevError as error:
        refusal = error
    assert refusal.code == "record_unreadable"
    assert refusal.found
    assert "\n" not in refusal.message
    return None


PLACES = list(_places(document()))


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=2))
def test_any_value_at_any_place_is_read_or_refused(changes):
    data: t.Any = copy.deepcopy(document())
    for way, value in changes:
        place = data
        try:
            for part in way[:-1]:
                place = place[part]
            place[way[-1]] = value
        except (LookupError, TypeError):  # the first change took it away
            continue
    record = read_or_refused(json.dumps(data).encode())
    assert record is None or parse_record(record.as_bytes()).as_dict() == record.as_dict()


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.integers(0, len(whole().as_bytes()) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_any_bytes_anywhere_are_read_or_refused(start, put, gone):
    data = whole().as_bytes()
    read_or_refused(data[:start] + put + data[start + gone :])
