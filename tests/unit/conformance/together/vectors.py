# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vectors for devices that belong together, each asked of the code that a claim runs."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Holding, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.claim import asking, choose
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.decision import decide_passthrough
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.owners import Owners
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology, distance
from ansible_collections.kvm.hostdev.plugins.module_utils._model.relations.held import HeldTogether
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import parse_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, HostWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot

from .hosts import inventory

FOLDER = Path(__file__).parent
ME = "me"


def read_vectors(folder, recorded=None):
    """All vectors of the files in a folder, each with its host in place of the host's name.

    `recorded` makes an inventory of a recording, given by its place below the folder of hosts; without it the vectors
    on recorded hosts are left out.
    """
    for path in sorted(Path(folder).glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "vectors" not in data:
            continue
        for vector in data["vectors"]:
            host = vector.get("host")
            if isinstance(host, str):
                host = data["hosts"][host]
            elif host is not None:
                host = None if recorded is None else recorded(host["recorded"])
                if host is None:
                    continue
            yield {**vector, "host": host, "hosts": data["hosts"]}


def answer(vector):
    """What our code says to a vector: {selected, alternative, met, pairs, released, complete} or {error, message}."""
    if vector["area"] == "where":
        return {}
    try:
        return _several(vector) if "claims" in vector else _one(vector)
    except HostdevError as error:
        return {"error": error.code, "message": error.message}


def _one(vector):
    snapshot = snapshot_of(vector)
    wish, requests = _wish(vector, ME, vector), vector["requests"]
    choice = choose(snapshot, asking(snapshot, wish))
    after, before = choice.change.after, choice.change.before
    claims = {claim.owner.id: claim for claim in snapshot.tracker}
    told = HeldTogether(snapshot.inventory, {**claims, ME: after}.values(), wish.allow_list).told(after)
    return {
        "selected": {request["name"]: after.serving(request["name"]) for request in requests},
        "released": sorted(before.holdings.keys() - after.holdings.keys()),
        "complete": choice.complete,
        **told,
    }


def snapshot_of(vector):
    """The host of a vector with what is held, and with what is kept, as if somebody held it."""
    host = _with_groups(host_of(vector))
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


def _with_groups(host):
    """The host with an IOMMU group for each device of which none is known: vectors are about choice alone."""
    devices = [
        device if device.iommu_group is not None else device._replace(iommu_group=1000 + number)
        for number, device in enumerate(host.devices.values())
    ]
    return Inventory(host.host, devices)


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


def _several(vector):
    snapshot = snapshot_of(vector)
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


def faults(vector, said):
    """What of an answer is not as the vector wants it, as sentences; empty where all is."""
    then = vector["then"]
    if vector["area"] == "where":
        return list(_misplaced(vector, then))
    wanted = then.get("errors") or ([then["error"]] if "error" in then else [])
    if wanted:
        missing = [name for name in then.get("names", ()) if name not in said.get("message", "")]
        if said.get("error") not in wanted:
            return [f"{said} instead of {wanted}"]
        return [f"the message does not name {missing}: {said['message']}"] if missing else []
    if "error" in said:
        return [f"{said['error']}: {said['message']}"]
    if then.get("valid"):
        return [] if said["complete"] or then["valid"] else ["incomplete"]
    ways = then.get("any_of") or [then["selected"]]
    found = [] if said["selected"] in ways else [f"selected {said['selected']} instead of {ways}"]
    if "pairs" in then and [one["devices"] for one in said["pairs"]] != then["pairs"]:
        found.append(f"pairs {said['pairs']} instead of {then['pairs']}")
    if "met" in then and [[one["met"], one["of"]] for one in said["met"]] != then["met"]:
        found.append(f"met {said['met']} instead of {then['met']}")
    if "alternative" in then and said["alternative"] != then["alternative"]:
        found.append(f"alternative {said['alternative']} instead of {then['alternative']}")
    if "claims" not in vector and said["released"] != then.get("released", []):
        found.append(f"released {said['released']} instead of {then.get('released', [])}")
    return found


def _misplaced(vector, then):
    topology = Topology(host_of(vector))
    for address, places in then.get("where", {}).items():
        for name, place in places.items():
            found = getattr(topology[address], name)
            found = list(found) if isinstance(found, tuple) else found
            if found != place:
                yield f"{name} of {address} is {found} instead of {place}"
    for one, other, kind, bridges in then.get("distance", ()):
        for pair in ((one, other), (other, one)):
            found = distance(*(topology[address] for address in pair))
            if found != (kind, bridges):
                yield f"{' and '.join(pair)} are {tuple(found)} apart instead of {(kind, bridges)}"


def host_of(vector):
    """The inventory of a vector's host; a recorded one is there already."""
    return inventory(vector["host"]) if isinstance(vector["host"], dict) else vector["host"]
