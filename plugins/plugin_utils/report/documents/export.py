# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of hosts as JSON and CSV for other programs, in a shape that the guide on the report documents."""

from __future__ import annotations

import csv
import io
import json
import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import one_line

from ..ages import gathered_at
from ..carried import disks, interfaces
from ..claimed import UNKNOWN, Claimed, claimed_of
from ..models import Facts, Hosts, Model, functions, model_kind, models, node, totals
from ..reasons import reasons
from ..states import FREE, Device, ids, label, state

SCHEMA = 1
"""Of the JSON. New keys may come under the same number; one that goes or means something else has another."""

COLUMNS = (
    "host",
    "address",
    "ids",
    "name",
    "kind",
    "class",
    "type",
    "state",
    "owner",
    "request",
    "since",
    "until",
    "overdue",
    "labels",
    "driver",
    "iommu_group",
    "numa_node",
    "socket",
    "pcie_root",
    "pcie_switches",
    "slot",
    "physical_function",
    "interfaces",
    "disks",
    "blockers",
    "remedies",
    "gathered_at",
)
"""Of the CSV, and but for the first and the last the keys of a device in the JSON."""

# The wide ones are the same to a spreadsheet of East Asia (OWASP, CSV Injection).
_FORMULA = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
# Where the comma is a decimal sign a spreadsheet divides cells at each semicolon, whatever quotes are around.
_STARTS = re.compile(rf"(^|;\s*)(?={_FORMULA})")


def json_text(hosts: Hosts) -> str:
    """All hosts, sorted by name, with keys sorted."""
    document = {"schema": SCHEMA, "hosts": [_host(name, hosts[name]) for name in sorted(hosts)]}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def csv_text(hosts: Hosts) -> str:
    """A row for each function, of a host without facts one that says so as its state; each is one line.

    What a spreadsheet would take for a formula has an apostrophe before it, at a cell's begin and after a semicolon.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for name in sorted(hosts):
        facts = hosts[name]
        rows = [{"state": "no facts"}] if facts is None else map(_row, devices_of(facts))
        common = {"host": name, "gathered_at": None if facts is None else gathered_at(facts)}
        writer.writerows({key: _cell(value) for key, value in {**common, **row}.items()} for row in rows)
    return text.getvalue()


def devices_of(facts: Facts) -> list[dict[str, t.Any]]:
    """Each function with the keys of COLUMNS but those of its host, in order of the addresses."""
    requests = {
        held["address"]: held.get("request")
        for claim in facts.get("claims") or ()
        for held in claim.get("devices") or ()
    }
    times = claimed_of(facts)
    return [
        _device(device, requests.get(device["address"]), times.get(device["address"], UNKNOWN))
        for device in functions(facts)
    ]


def _host(name: str, facts: Facts | None) -> dict[str, t.Any]:
    if facts is None:
        return {"name": name, "gathered": False}
    there, sums = facts.get("host") or {}, totals(facts)
    return {
        "name": name,
        "gathered": True,
        "gathered_at": gathered_at(facts),
        "kernel": there.get("kernel"),
        "iommu": there.get("iommu"),
        "libvirt": there.get("libvirt_version"),
        "functions": sums.functions,
        "free": sums.free,
        "held": sums.held,
        "set_aside": sums.set_aside,
        "models": [_model(model) for model in models(functions(facts))],
        "devices": devices_of(facts),
        "drift": None if facts.get("drift") is None else [_difference(entry) for entry in facts["drift"]],
    }


def _difference(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {
        "code": entry.get("code"),
        "address": entry.get("address"),
        "owner": (entry.get("owner") or {}).get("label"),
        "detail": entry.get("detail"),
    }


def _model(model: Model) -> dict[str, t.Any]:
    return {
        "ids": model.ids,
        "name": label(model.sample),
        "kind": model.kind,
        "physical_function": model.pf,
        "functions": len(model.members),
        "free": len(model.free),
        "free_by_node": [{"numa_node": number, "free": len(on)} for number, on in model.free_by_node().items()],
    }


def _device(device: Device, request: str | None, claimed: Claimed) -> dict[str, t.Any]:
    owner = device.get("owner")
    why = () if state(device) == FREE or (owner is not None and not device.get("blockers")) else reasons(device)
    return {
        "address": device["address"],
        "ids": ids(device),
        "name": label(device),
        "kind": model_kind(device),
        "class": device.get("class"),
        "type": device.get("device_type"),
        "state": state(device),
        "owner": None if owner is None else owner["label"],
        "request": request,
        "since": claimed.since,
        "until": claimed.until,
        "overdue": claimed.overdue if claimed.until is not None else None,
        "labels": list(claimed.labels),
        "driver": device.get("driver"),
        "iommu_group": device.get("iommu_group"),
        "numa_node": node(device),
        "socket": device.get("socket"),
        "pcie_root": device.get("pcie_root"),
        "pcie_switches": device.get("pcie_switches"),
        "slot": device.get("slot"),
        "physical_function": device.get("physical_function"),
        "interfaces": interfaces(device),
        "disks": disks(device),
        "blockers": list(dict.fromkeys(reason.code for reason in why)),
        "remedies": list(dict.fromkeys(reason.remedy for reason in why if reason.remedy)),
    }


def _row(device: dict[str, t.Any]) -> dict[str, t.Any]:
    """A device with what an empty cell could not tell from what is not known."""
    return {**device, "pcie_switches": "none"} if device["pcie_switches"] == [] else device


def _cell(value: t.Any) -> t.Any:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return value
    return _STARTS.sub(r"\1'", one_line(value))
