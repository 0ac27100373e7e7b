# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""kvm.hostdev.place: which host is asked for the devices, and which is asked next."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.played import Run, imported, lay_out, run

MODULES = ("pci_facts", "pci_passthrough_claim")
GPU = {"vendor_id": "10de", "product_id": "2330", "class": "030200", "device_type": "type-PCI"}
TAKEN = {"changed": True, "msg": "job1: gpu = 0000:19:00.0"}
GONE = {"failed": True, "msg": "too few", "error": {"code": "not_enough_devices"}}
BROKEN = {"failed": True, "msg": "0000:19:00.0: does not bind", "error": {"code": "bind_failed"}}
DOWN = {"failed": True, "msg": "libvirt does not answer"}


def host(free: int, claim: t.Mapping[str, t.Any], owner: str | None = None) -> dict[str, t.Any]:
    claims = [{"owner": {"kind": "name", "id": owner, "label": owner}}] if owner else []
    pools = [{**GPU, "count": free}] if free else []
    facts = {"ansible_facts": {"hostdev": {"pools": pools, "claims": claims}}}
    return {"answers": {"pci_facts": facts, "pci_passthrough_claim": claim}}


HOSTS = {
    "one": host(1, GONE),
    "two": host(2, TAKEN),
    "three": host(3, TAKEN),
    "none": host(0, TAKEN),
    "broken": host(1, BROKEN),
    "has_it": host(0, TAKEN, owner="job1"),
    "silent": {"answers": {"pci_facts": DOWN, "pci_passthrough_claim": TAKEN}},
    "gone": host(2, GONE),
    "cached": {"ansible_facts": {"hostdev": {"pools": [{**GPU, "count": 1}]}}, **host(0, TAKEN)},
}
JOB = {"hostdev_owner": "job1", "hostdev_requests": [{"name": "gpu", "specs": ["10de:2330"]}]}
PLAYS = {
    "next": imported("place", "one,two,three,none,silent", **JOB),
    "spread": imported("place", "one,two,three", **JOB, hostdev_strategy="spread"),
    "away": imported("place", "two,three", **JOB, hostdev_anti_affinity=["rack1"]),
    "stays": imported("place", "one,two,has_it", **JOB),
    "stops": imported("place", "broken,two", **JOB),
    "all_gone": imported("place", "one,gone", **JOB),
    "nowhere": imported("place", "none,silent", **JOB),
    "misspelt": imported("place", "two", **JOB, hostdev_anti_affinity=["tow"]),
}


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-place-") as name:
        folder = Path(name).resolve()
        lay_out(folder, MODULES, HOSTS, {"rack1": {"hosts": {"two": {}}}})
        return {name: run(folder, [play]) for name, play in PLAYS.items()}


def claimed_on(one: Run) -> set[str]:
    return {call.partition(" ")[2] for call in one.calls if call.startswith("pci_passthrough_claim ")}


def said(one: Run) -> str:
    return "\n".join(one.lines)


def test_where_the_devices_are_gone_the_next_host_is_asked_and_no_other(runs):
    one = runs["next"]
    assert claimed_on(one) == {"one", "two"}
    assert one.code == 0
    assert one.shown == ["ok: [one] => (item=too few)", "ok: [two] => (item=job1: gpu = 0000:19:00.0)"]


@pytest.mark.parametrize(
    ("name", "where"), [("spread", "three"), ("away", "three"), ("stays", "has_it")], ids=["spread", "away", "stays"]
)
def test_one_host_is_asked_where_it_serves(runs, name, where):
    assert claimed_on(runs[name]) == {where}
    assert runs[name].code == 0


def test_another_error_is_told_at_once_since_devices_may_be_in_between(runs):
    assert claimed_on(runs["stops"]) == {"broken"}
    assert runs["stops"].code == 2
    assert "0000:19:00.0: does not bind" in said(runs["stops"])


def test_where_all_refuse_each_is_told_with_its_words(runs):
    assert claimed_on(runs["all_gone"]) == {"one", "gone"}
    assert runs["all_gone"].code == 2
    assert "no_host: one: too few; gone: too few" in said(runs["all_gone"])


def test_where_no_host_serves_it_none_is_asked_and_each_reason_is_told(runs):
    one = runs["nowhere"]
    assert (claimed_on(one), one.code) == (set(), 2)
    assert "none: too few free devices for request gpu: 0 of 1 device with vendor_id 10de" in said(one)
    assert "silent: neither its devices nor pools are known: libvirt does not answer (no_facts)" in said(one)


def test_a_misspelt_host_is_told_before_anything_is_claimed(runs):
    one = runs["misspelt"]
    assert (claimed_on(one), one.code) == (set(), 2)
    assert "did you mean two" in said(one)
