# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vectors for devices that belong together, each asked of the code that a claim runs."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import replace
from pathlib import Path
from unittest import mock

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import DeviceStates
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Holding, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.claim import asking, choose
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.decision import decide_passthrough
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.owners import Owners
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.counting import PACK
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.held import HeldTogether
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import parse_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, HostWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.search import search
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot

from .hosts import inventory

OWN = Path(__file__).parent
FOLDER = Path(os.environ.get("KVM_HOSTDEV_TOGETHER") or OWN)
ME = "me"


def read_vectors(folder, hosts=None):
    """All vectors of the files in a folder, each with its host in place of the host's name.

    Recordings lie below the folder `hosts`, which by default is the one of that name beside the vectors' own.
    """
    folder = Path(folder)
    hosts = folder.parent / "hosts" if hosts is None else Path(hosts)
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        for vector in data.get("vectors", ()):
            host = vector.get("host")
            found = {**vector, "host": _found(host, data, hosts)}
            if "place" in vector:
                several = {
                    name: one and {**one, "host": _found(one["host"], data, hosts)}
                    for name, one in vector["place"]["hosts"].items()
                }
                found["place"] = {**vector["place"], "hosts": several}
            yield found


def _found(host, data, recordings):
    """A host by its name, or by that of its recording."""
    if isinstance(host, str):
        return data["hosts"][host]
    return None if host is None else {"recorded": recordings / host["recorded"]}


def answer(vector):
    """What our code says to a vector: {selected, alternative, met, pairs, released, complete} or {error, message}.

    `cut_short` is whether some search ended at its bound.
    """
    if vector["area"] == "where":
        return {}
    if "place" in vector:
        try:
            return _placed(vector)
        except HostdevError as error:
            return {"error": error.code, "message": error.message}
    ends = []

    class Ended(search._EndedError):
        def __init__(self):
            ends.append(self)

    try:
        with mock.patch.object(search, "_EndedError", Ended):
            said = chosen(snapshot_of(vector), vector)
    except HostdevError as error:
        return {"error": error.code, "message": error.message}
    return {**said, "cut_short": bool(ends)}


def _placed(vector):
    # What runs on the controller alone: hosts' Pythons, on which other tests import this file, have no Ansible.
    from ansible_collections.kvm.hostdev.plugins.plugin_utils.queries.hosts.placing import Choice, Wish, placed

    place = vector["place"]
    wish = Wish(
        **{
            key: vector.get(key)
            for key in ("requests", "constraints", "prefer", "device_spec", "aliases", "numa_cells")
        }
    )
    choice = Choice(place.get("strategy", PACK), owner=ME, away=place.get("anti_affinity"), groups=place.get("groups"))
    told = placed({name: one and known_of(one) for name, one in place["hosts"].items()}, wish, choice)
    reasons = {name: reason["code"] for name, reason in told["not"].items()}
    error = {"error": told["code"]} if "code" in told else {}
    return {"host": told["host"], "order": told["order"], "not": reasons, "message": told["msg"], **error}


def known_of(one):
    """What is known on the controller of a host, as pci_facts tells it: pools of what is free, claims, and nodes."""
    snapshot = snapshot_of(one)
    states = DeviceStates(AllowList(None), snapshot.inventory.devices.values())
    for claim in snapshot.tracker:
        for address in claim.holdings:
            states.adopt(snapshot.inventory.devices[address], claim.owner.key)
    devices = (states[address].device for address in states.free)
    free = [device.address for device in devices if not device.is_bridge and not device.virtual_functions]
    return {
        "pools": pools(Topology(snapshot.inventory), free),
        "claims": [{"owner": claim.owner.as_dict()} for claim in snapshot.tracker],
        "host": {"numa_nodes": [{"id": node} for node in snapshot.inventory.host.numa_nodes]},
    }


def chosen(snapshot, vector):
    """The same of a vector that can be served. Raises HostdevError where it can't."""
    return _several(snapshot, vector) if "claims" in vector else _one(snapshot, vector)


def _one(snapshot, vector):
    wish, requests = _wish(vector, ME, vector), vector["requests"]
    choice = choose(snapshot, asking(snapshot, wish))
    after, before = choice.change.after, choice.change.before
    claims = {claim.owner.id: claim for claim in snapshot.tracker}
    told = HeldTogether(snapshot.inventory, {**claims, ME: after}.values(), wish.allow_list).told(after)
    return {
        "selected": {request["name"]: after.serving(request["name"]) for request in requests},
        "released": sorted(before.holdings.keys() - after.holdings.keys()),
        "complete": choice.complete,
        **told._asdict(),
    }


def snapshot_of(vector):
    """The host of a vector with what is held, and with what is kept, as if somebody held it."""
    host = _guarded_by_none(host_of(vector))
    held = {**vector.get("held", {}), **({"the host": {"kept": vector["kept"]}} if "kept" in vector else {})}
    return Snapshot(host, Tracker(_claim(host, owner, its) for owner, its in held.items()))


def _claim(host, name, requests):
    specs = {request: [{"address": address} for address in addresses] for request, addresses in requests.items()}
    entries = [{"name": request, "count": len(its), "specs": its} for request, its in specs.items()]
    holdings = {
        address: Holding(address, request, host.devices[address].identity, Binding(None, None))
        for request, addresses in requests.items()
        for address in addresses
    }
    owner = Owner("name", name, name)
    return Claim(owner, {request.name: request for request in parse_requests(entries, {})}, holdings)


def _guarded_by_none(host):
    """The host with an IOMMU, and with a group for each device of which none is known: vectors are about choice."""
    devices = [
        device if device.iommu_group is not None else device._replace(iommu_group=1000 + number)
        for number, device in enumerate(host.devices.values())
    ]
    guarded_by_none = Inventory(replace(host.host, iommu=True), devices)
    guarded_by_none.switches = host.switches
    return guarded_by_none


def _wish(vector, owner, entry):
    allow_list = AllowList(None)
    if "device_spec" in vector:
        allow_list = AllowList(parse_device_specs(vector["device_spec"], "device_spec"))
    cells = vector.get("numa_cells")
    return ClaimWish(
        None,
        owner,
        parse_requests(entry["requests"], {}),
        allow_list,
        Terms(whole_group=True, replace_misfits=vector.get("on_mismatch") == "replace"),
        (),
        numa_cells=None if cells is None else frozenset(cells),
        constraints=parse_constraints(entry.get("constraints"), "constraints", allow_list.tag_names),
        prefer=parse_constraints(entry.get("prefer"), "prefer", allow_list.tag_names),
    )


def _several(snapshot, vector):
    wishes = tuple(_wish(vector, claim["owner"], claim) for claim in vector["claims"])
    spec = wishes[0].allow_list.tag_names
    whole = HostWish(wishes, constraints=parse_constraints(vector.get("constraints"), "constraints", spec))
    owners = Owners([asking(snapshot, wish) for wish in wishes])
    decision = decide_passthrough(snapshot, owners, whole, lambda now, _change: now)
    after = {plan.after.owner.label: plan.after for plan in decision.plans}
    return {
        "selected": {
            claim["owner"]: {
                request["name"]: after[claim["owner"]].serving(request["name"]) for request in claim["requests"]
            }
            for claim in vector["claims"]
        },
        "complete": decision.complete,
    }


def host_of(vector):
    """The inventory of a vector's host. Raises ValueError and OSError where its recording can't be read."""
    host = vector["host"]
    return _recorded(host["recorded"]) if "recorded" in host else inventory(host)


@functools.cache
def _recorded(path):
    from ansible_collections.kvm.hostdev.tests.hosts.finding import recorded

    return recorded(path)
