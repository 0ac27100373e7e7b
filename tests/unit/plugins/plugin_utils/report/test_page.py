# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page as a text; what a browser makes of it is in tests/pages."""

from __future__ import annotations

import base64
import collections
import hashlib
import json
import re

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.models import model_kind, node
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page

PF = {
    "address": "0000:41:00.0",
    "capability": "pci",
    "class": "020000",
    "header_type": 0,
    "vendor_id": "8086",
    "product_id": "10c9",
    "product_name": "</script><b>$data ${data}",
    "children": [{"kind": "net", "name": "eth0", "size": 1}, {"kind": "net", "name": "eth1", "size": 1.5}],
    "boot_vga": False,
    "total_vfs": 0,
    "claimable": True,
    "blockers": [],
    "owner": None,
    "new_field": [],
}


def data(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text).group(1))


def value(known: dict, number: int) -> object:
    raw = known["values"][number]
    if not isinstance(raw, list):
        return raw
    items = [value(known, item) for item in raw[1:]]
    return dict(zip(known["shapes"][raw[0] - 1], items)) if raw[0] else items


def test_every_field_is_read_back_as_it_was():
    known = data(page({"kvm1": {"devices": [PF], "host": {"kernel": "6.12"}}}, generated="now"))
    (name, facts, (device,), behind) = known["hosts"][0]
    glance, *parts = (value(known, part) for part in device)
    assert (name, value(known, facts), behind) == ("kvm1", {"kernel": "6.12", "drift": None}, [])
    assert {key: field for part in parts for key, field in part.items()} == {
        **PF,
        "children": [PF["children"][0], {**PF["children"][1], "size": "1.5"}],
    }
    assert (glance["state"], glance["kind"], glance["ids"]) == ("free", "network", "8086:10c9")
    # 0 and False, 1 and True are not the same, although Python finds them equal.
    assert (parts[0]["boot_vga"], parts[0]["total_vfs"]) == (False, 0)
    assert isinstance(parts[0]["boot_vga"], bool)
    assert not isinstance(parts[0]["total_vfs"], bool)


def test_a_held_function_tells_since_when_and_what_is_overdue():
    owner = {"kind": "name", "id": "ci-1", "label": "ci-1"}
    times = {"since": "2026-11-28T08:00:00Z", "until": "2026-11-28T16:00:00Z"}
    claim = {"owner": owner, "labels": {"team": "x"}, "devices": [{"address": PF["address"], **times}]}
    facts = {"devices": [{**PF, "owner": owner}], "claims": [{**claim, "overdue": [PF["address"]]}]}
    known = data(page({"kvm1": facts}, generated="now"))
    stands = value(known, known["hosts"][0][2][0][4])
    assert {key: stands[key] for key in ("since", "until", "overdue", "labels")} == {
        **times,
        "overdue": True,
        "labels": ["team=x"],
    }


def test_a_function_is_of_the_kind_that_it_is_in_the_table():
    vf = {**PF, "class": "088000", "physical_function": "0000:01:00.0", "numa_node": -1}
    known = data(page({"kvm1": {"devices": [vf]}}, generated="now"))
    glance = value(known, known["hosts"][0][2][0][0])
    assert (glance["kind"], glance["node"]) == (model_kind(vf), node(vf)) == ("accelerator", None)


def test_a_host_that_is_like_another_adds_its_name_alone():
    facts = {"devices": [PF], "host": {}}
    one, two = page({"a": facts}, generated=""), page({"a": facts, "b": facts}, generated="")
    assert data(one)["values"] == data(two)["values"]
    assert len(two) - len(one) < 40


def test_any_mapping_and_sequence_will_do():
    odd = collections.UserDict({"devices": (collections.UserDict(PF),)})
    assert data(page(collections.UserDict({"a": odd}), generated="")) == data(
        page({"a": {"devices": [PF]}}, generated="")
    )


def test_why_a_device_stays_is_told_with_its_own_reasons_first():
    blockers = [{"code": "group_incomplete"}, {"code": "root_disk"}]
    kept = {**PF, "claimable": False, "blockers": blockers}
    cleaned = {**PF, "claimable": False, "status": "needs_cleaning"}
    known = data(page({"a": {"devices": [kept, cleaned]}}, generated=""))
    glances = [value(known, device[0]) for device in known["hosts"][0][2]]
    assert [glance["why"] for glance in glances] == [["root_disk", "group_incomplete"], ["needs_cleaning"]]


def test_the_policy_has_the_hashes_of_what_the_page_runs():
    text = page({"</script>": None}, generated="<img>")
    assert text.isascii()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
