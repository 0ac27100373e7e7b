# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an answer to a vector is the one that is wanted."""

from __future__ import annotations

import time

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology, distance

from .valid import broken
from .vectors import answer, host_of


def verdict(vector):
    """`holds` or `fails`, and why."""
    start = time.process_time()
    try:
        found = faults(vector, answer(vector))
    except (OSError, ValueError) as error:
        return "fails", f"its host can't be read: {error}"
    took = time.process_time() - start
    if took > vector.get("within_s", took):
        found.append(f"took {took:.1f} s instead of {vector['within_s']} s at most")
    return ("fails", "; ".join(found)) if found else ("holds", "")


def faults(vector, said):
    """What of an answer is not as the vector wants it, as sentences; empty where all is."""
    then = vector["then"]
    if vector["area"] == "where":
        return list(_misplaced(vector, then))
    if vector["area"] == "place" and "host" in then:
        return list(_misplaced_claim(said, then))
    wanted = then.get("errors") or ([then["error"]] if "error" in then else [])
    if wanted:
        missing = [name for name in then.get("names", ()) if name not in said.get("message", "")]
        if said.get("error") not in wanted:
            return [f"{said} instead of {wanted}"]
        return [f"the message does not name {missing}: {said['message']}"] if missing else []
    if "error" in said:
        return [f"{said['error']}: {said['message']}"]
    if then.get("valid"):
        unsaid = ["complete, but the search was cut short"] if said["complete"] and said["cut_short"] else []
        return [*broken(vector, host_of(vector), said["selected"]), *unsaid]
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


def _misplaced_claim(said, then):
    """Of the choice among hosts."""
    if "message" in said and "host" not in said:
        yield f"{said['error']}: {said['message']}"
        return
    wanted = {"order": [], "not": {}, **{key: then[key] for key in ("host", "order", "not", "error") if key in then}}
    for key, value in wanted.items():
        if said.get(key) != value:
            yield f"{key} is {said.get(key)} instead of {value}"
    missing = [name for name in then.get("names", ()) if name not in said["message"]]
    if missing:
        yield f"the message does not name {missing}: {said['message']}"


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
