# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases of the tracker: states, pools, selection, and whole histories, on the path that the modules run."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Holding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.counting import weight
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import Guest, affinity_warnings
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.grammar import Difference
from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.hosts import our_spec, pci_device
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import host, requests
from ansible_collections.kvm.hostdev.tests.unit.helpers.record_through_runs import RecordThroughRuns, domain

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request

Outcome = dict[str, t.Any]

_HELD_AND_GONE = "Unable to remove device"
_NO_AFFINITY = "without numa affinity"
_UNEXPLAINED = "a preset that no claim explains"


class TrackedHost:
    """The record of a host through runs, and the requests' ids by their names."""

    def __init__(self, given: t.Any) -> None:
        self.ids: dict[str, str] = {}
        self.warned: list[str] = []
        self.known: dict[str, PciDevice] = {}
        self.saved: set[str] = set()
        sockets = {cell["id"]: cell.get("socket") for cell in given.get("host_numa") or ()}
        self.guest = Guest(sockets=sockets)
        self.runs = RecordThroughRuns(host(), self.read_specs(given["specs"]), ())
        self.shows(given.get("devices", ()))
        self.preset(given.get("preset") or {})

    @staticmethod
    def read_specs(specs: t.Sequence[object]) -> AllowList:
        return AllowList(parse_device_specs([our_spec(spec) for spec in specs], "device_spec"))

    def shows(self, entries: t.Iterable[t.Any]) -> None:
        """Let the host have these devices, each in an IOMMU group of its own."""
        for entry in entries:
            address = entry["address"]
            group = list(self.known).index(address) if address in self.known else len(self.known)
            self.known[address] = self.runs.devices[address] = pci_device(entry)._replace(iommu_group=group)

    def shows_only(self, addresses: t.Collection[str]) -> None:
        self.runs.devices = {address: device for address, device in self.known.items() if address in addresses}
        lost = drift(Snapshot(self.runs.inventory(), self.runs.tracker))
        self.warned += [
            f"{_HELD_AND_GONE} {difference['address']}" for difference in lost if difference["code"] == "removed"
        ]

    def preset(self, states: t.Mapping[str, t.Any]) -> None:
        """Let the record be such that devices have these states. Raises ValueError for one that no record explains."""
        for address, state in states.items():
            owner = state.get("owner")
            if state["status"] in ("claimed", "allocated"):
                device = self.runs.devices[address]
                held = Holding(address, address, device.identity, device.binding)
                (request,) = requests({"name": address, "address": address})
                self.runs.tracker.put(Claim(domain(owner), {address: request.as_dict()}, {address: held}))
                if state["status"] == "allocated":
                    self.runs.in_use.add(address)
            if self.state(address) != state["status"] or self.owner(address) != owner:
                raise ValueError(_UNEXPLAINED)

    def requests(self, wanted: t.Iterable[t.Any]) -> tuple[Request, ...]:
        entries = []
        for entry in wanted:
            name = f"request {len(self.ids)}"
            self.ids[name] = entry["id"]
            specs = [
                our_spec({key: item for key, item in spec.items() if key != "capability_type"})
                for spec in entry["specs"]
            ]
            policy = entry.get("numa_policy")
            entries.append({"name": name, "count": entry["count"], "specs": specs, "numa_policy": policy})
        return parse_requests(entries, {})

    def claim(self, owner: str, wanted: t.Iterable[t.Any], cells: t.Iterable[int] | None) -> list[str]:
        guest = self.guest._replace(cells=frozenset(cells or ()))
        taken = self.runs.claim(owner, self.requests(wanted), guest)
        if affinity_warnings([self.runs.devices[address] for address in taken], guest):
            self.warned.append(_NO_AFFINITY)
        return taken

    @property
    def free(self) -> list[str]:
        statuses, permitted = self.runs.statuses(), self.tags()
        return sorted(address for address in permitted if statuses.status(address) == "available")

    def tags(self) -> dict[str, t.Mapping[str, t.Any]]:
        """The tags of all devices of the host that are permitted."""
        permitted = self.runs.allow_list.resolved(self.runs.inventory())
        tags = {address: permitted.tags_of(device) for address, device in self.runs.devices.items()}
        return {address: labels for address, labels in tags.items() if labels is not None}

    def state(self, address: str) -> str:
        owner = self.owner(address)
        if owner is None and address not in self.tags():
            return "deleted" if address in self.saved else "removed"
        if address in self.runs.devices:
            return self.runs.statuses().status(address)
        return "allocated" if address in self.runs.in_use else "claimed"

    def owner(self, address: str) -> str | None:
        return self.runs.held().get(address)

    def request(self, address: str) -> str | None:
        claim = self.runs.tracker.holder(address)
        return None if claim is None else claim.holdings[address].request


def pools(case: t.Any) -> Outcome:
    return {"pools": _pools(TrackedHost(case["given"]))}


def _pools(tracked: TrackedHost) -> list[Outcome]:
    counts: Counter[tuple[t.Any, ...]] = Counter()
    tags = tracked.tags()
    for address in tracked.free:
        device = tracked.runs.devices[address]
        above = device.physical_function or address
        key = (device.vendor_id, device.product_id, device.device_type, device.numa_node, above)
        counts[(*key, tuple(sorted(tags[address].items(), key=str)))] += 1
    names = ("vendor_id", "product_id", "dev_type", "numa_node", "address")
    return [{**dict(key[-1]), **dict(zip(names, key)), "count": count} for key, count in counts.items()]


def consume(case: t.Any) -> Outcome:
    tracked = TrackedHost(case["given"])
    try:
        taken = tracked.claim("owner", case["when"]["requests"], case["when"].get("numa_cells"))
    except HostdevError as error:
        return {"error": _kind(error), "free": tracked.free}
    devices = [tracked.runs.devices[address] for address in taken]
    parents = {device.physical_function for device in devices}
    return {
        "selected": sorted(taken),
        "selected_count": len(taken),
        "selected_dev_type": sorted({device.device_type for device in devices}),
        "selected_parents": sorted(parent for parent in parents if parent is not None),
        "parents_of_selected_free": any(parent in tracked.free for parent in parents),
        "request_of": {address: tracked.ids[str(tracked.request(address))] for address in taken},
        "free": tracked.free,
    }


def support(case: t.Any) -> Outcome:
    tracked = TrackedHost(case["given"])
    guest = tracked.guest._replace(cells=frozenset(case["when"].get("numa_cells") or ()))
    return {"supported": tracked.runs.supports(tracked.requests(case["when"]["requests"]), guest), "free": tracked.free}


def apply(case: t.Any) -> Outcome:
    tracked = TrackedHost(case["given"])
    try:
        tracked.claim("owner", case["when"]["requests"], case["when"].get("numa_cells"))
    except HostdevError as error:
        return {"error": _kind(error)}
    left = _pools(tracked)
    return {"pool_count": len(left), "pool_total": sum(pool["count"] for pool in left)}


def tracker(case: t.Any) -> Outcome:
    try:
        tracked = TrackedHost(case["given"])
        for number, step in enumerate(case["when"]["steps"]):
            wanted, kind = step.get("expect_error"), None
            try:
                _step(tracked, step)
            except HostdevError as error:
                kind = _kind(error)
            if kind != wanted:
                return {"error": f"step {number} ({step['do']}): wanted {wanted}, found {kind}"}
    except ValueError as error:
        return {"error": str(error)}
    states = {address: tracked.state(address) for address in tracked.known}
    tags = tracked.tags()
    there = [address for address, state in states.items() if state not in ("removed", "deleted")]
    ids = {address: tracked.request(address) for address in there}
    return {
        "states": states,
        "owners": {address: tracked.owner(address) for address in tracked.known},
        "request_ids": {address: tracked.ids.get(str(name), name) for address, name in ids.items()},
        "props": {address: {**tags.get(address, {}), **_properties(tracked, address)} for address in there},
        "free": tracked.free,
        "tracked": sorted(address for address, state in states.items() if state != "deleted"),
        "allocated_count": sum(1 for state in states.values() if state == "allocated"),
        "claimed_count": sum(1 for state in states.values() if state == "claimed"),
        "warned": tracked.warned,
    }


def _step(tracked: TrackedHost, step: t.Any) -> None:
    """Do what a step says. Raises HostdevError, and ValueError for a preset that no claim explains."""
    runs = tracked.runs
    what, owner, address = step["do"], step.get("owner"), step.get("address")
    mine = [held_address for held_address, holder in runs.held().items() if holder == owner]
    if what == "sync":
        tracked.shows(step.get("devices", ()))
        tracked.shows_only([entry["address"] for entry in step["devices"]] if "devices" in step else step["report"])
    elif what == "sync_without_owned_by":
        tracked.shows_only(tracked.known.keys() - set(mine))
    elif what == "claim":
        tracked.claim(owner, step["requests"], step.get("numa_cells"))
    elif what == "allocate":
        runs.attach(owner)
    elif what == "free":
        runs.release(owner)
    elif what == "free_claims":
        runs.release(owner, [held_address for held_address in mine if held_address not in runs.in_use])
    elif what == "clean":
        for other in set(runs.held().values()) - set(step["keep"]):
            runs.release(other)
    elif what == "save":
        tracked.saved.update(function for function in tracked.known if tracked.state(function) == "removed")
    elif what == "restart":
        runs.restart()
        runs.allow_list = tracked.read_specs(step["specs"]) if "specs" in step else runs.allow_list
    elif what == "preset":
        tracked.preset(step.get("preset") or {address: step})
    elif what == "device.claim":
        runs.claim(owner, requests({"name": address, "address": address}), tracked.guest)
    elif what == "device.allocate":
        _allocate(tracked, address, owner)
    elif what in ("device.free", "free_device"):
        runs.release(owner, [address])
    elif what == "device.remove":
        tracked.shows_only(runs.devices.keys() - {address})
        if tracked.state(address) != "removed":
            raise HostdevError("invalid_status", subject=address, found=tracked.state(address))
    else:
        raise KeyError(f"there is no step {what}")


def _allocate(tracked: TrackedHost, address: str, owner: str) -> None:
    """Let the owner's domain run with a device, which it claims where it has not. Raises HostdevError."""
    try:
        tracked.runs.claim(owner, requests({"name": address, "address": address}), tracked.guest)
    except HostdevError as error:
        kind = "invalid_owner" if "held by" in error.found else error.code
        raise HostdevError(kind, subject=error.subject, found=error.found) from error
    tracked.runs.in_use.add(address)


def _properties(tracked: TrackedHost, address: str) -> Outcome:
    """What a device is: while it is held as it was when it was claimed, as far as the record keeps that."""
    device, claim = tracked.known[address], tracked.runs.tracker.holder(address)
    fields = {
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "numa_node": device.numa_node,
        "dev_type": device.device_type,
        "parent_addr": device.physical_function,
    }
    held = {} if claim is None else claim.holdings[address].identity
    return {**fields, **{key: value for key, value in held.items() if key in fields}}


def _kind(error: HostdevError) -> str:
    """The cases' word for an error."""
    return {"not_enough_devices": "request_failed", "device_blocked": "invalid_status"}.get(error.code, error.code)


def _unexplained(case: t.Any) -> bool:
    """Whether a preset has a state that no claim explains: of a relative that is free, or beside one that is held."""
    steps = case["when"].get("steps", ())
    given = [
        case["given"].get("preset") or {},
        *(step.get("preset") or {"": step} for step in steps if step["do"] == "preset"),
    ]
    return any(state["status"] not in ("claimed", "allocated") for preset in given for state in preset.values())


def _frees_what_is_not_held(case: t.Any) -> bool:
    return any(step["do"] == "device.free" and "expect_error" in step for step in case["when"].get("steps", ()))


def _first_error(case: t.Any) -> Outcome:
    steps = enumerate(case["when"]["steps"])
    number, step = next((number, candidate) for number, candidate in steps if "expect_error" in candidate)
    return {"error": f"step {number} ({step['do']}): wanted {step['expect_error']}, found None"}


def _pfs_of_ids(case: t.Any) -> list[str]:
    """The PFs without VFs that both ids of the one request fit, where they fit nothing else; none in any other case."""
    wanted = case["when"].get("requests") or ()
    specs = [spec for request in wanted for spec in request["specs"]]
    if case["when"]["op"] != "consume" or len(specs) != 1 or "dev_type" in specs[0]:
        return []
    ids = [specs[0].get("vendor_id"), specs[0].get("product_id")]
    alike = [device for device in case["given"]["devices"] if [device["vendor_id"], device["product_id"]] == ids]
    if any(device["dev_type"] != "type-PF" for device in alike):
        return []
    parents = {device.get("parent_addr") for device in case["given"]["devices"]}
    return sorted(device["address"] for device in alike if device["address"] not in parents)[: wanted[0]["count"]]


DIFFERENCES = (
    Difference(
        "both ids ask for a PF without VFs where nothing else has them: a data-centre GPU is a PF by its capability",
        lambda case: bool(_pfs_of_ids(case)),
        lambda case: {"selected": _pfs_of_ids(case)},
    ),
    Difference(
        "a state follows from the claims on record and can't be another",
        lambda case: case["when"]["op"] == "tracker" and _unexplained(case) and not _frees_what_is_not_held(case),
        lambda _case: {"error": _UNEXPLAINED},
    ),
    Difference(
        "a release of what the owner does not hold changes nothing, and is no error",
        _frees_what_is_not_held,
        _first_error,
    ),
)


def _holds_in(key: str) -> t.Callable[[t.Any, t.Mapping[str, t.Any]], bool]:
    """Whether what is wanted of some addresses is found."""
    return lambda wanted, outcome: wanted.items() <= outcome.get(key, {}).items()


def _same_props(wanted: t.Any, outcome: t.Mapping[str, t.Any]) -> bool:
    return all(fields.items() <= outcome["props"].get(address, {}).items() for address, fields in wanted.items())


def _same_tracked(wanted: t.Any, outcome: t.Mapping[str, t.Any]) -> bool:
    """Whether the tracked devices are those wanted, or as many."""
    return wanted == len(outcome["tracked"]) if isinstance(wanted, int) else sorted(wanted) == outcome["tracked"]


def _same_pools(wanted: t.Any, outcome: t.Mapping[str, t.Any]) -> bool:
    """Whether each wanted pool, of which some keys are told, is another one of those found."""
    left = list(outcome["pools"])
    for pool in wanted:
        match = next((candidate for candidate in left if _is_pool(pool, candidate)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _is_pool(wanted: t.Mapping[str, t.Any], pool: t.Mapping[str, t.Any]) -> bool:
    return all(key not in pool if value == "<absent>" else pool.get(key) == value for key, value in wanted.items())


def weigh(case: t.Any) -> Outcome:
    free = case["given"]["free_devices"] if "free_devices" in case["given"] else case["when"]["free_devices"]
    return {"best": max(sorted(free), key=lambda host: weight(free[host]))}


OPS = {
    "pools": pools,
    "consume": consume,
    "support": support,
    "apply": apply,
    "tracker": tracker,
    "weigh": weigh,
}

COMPARED: dict[str, t.Callable[[t.Any, t.Mapping[str, t.Any]], bool]] = {
    "pools": _same_pools,
    "states": _holds_in("states"),
    "owners": _holds_in("owners"),
    "request_ids": _holds_in("request_ids"),
    "request_of": _holds_in("request_of"),
    "props": _same_props,
    "selected": lambda wanted, outcome: sorted(wanted) == outcome.get("selected"),
    "selected_dev_type": lambda wanted, outcome: sorted(set(wanted)) == outcome.get("selected_dev_type"),
    "selected_parents": lambda wanted, outcome: sorted(set(wanted)) == outcome.get("selected_parents"),
    "tracked": _same_tracked,
    "free": lambda wanted, outcome: sorted(wanted) == outcome["free"],
    "warned": lambda wanted, outcome: any(wanted in text for text in outcome.get("warned", ())),
}
