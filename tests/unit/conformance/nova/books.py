# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases of the tracker: states, pools, selection, and whole histories."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.placement import weight
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import (
    DeviceTracker,
    TransitionError,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.matching import (
    Guest,
    affinity_warnings,
    claim_requests,
    supports,
)
from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.hosts import our_spec, pci_device
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request

Outcome = dict[str, t.Any]

# Our words for what Nova warns of.
_HELD_AND_GONE = "Unable to remove device"
_NO_AFFINITY = "without numa affinity"


class Books:
    """One tracker with the host that it watches, and the requests' ids by their names."""

    def __init__(self, given: t.Any) -> None:
        self.host = {entry["address"]: pci_device(entry) for entry in given.get("devices", ())}
        self.gone: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.warned: list[str] = []
        sockets = {cell["id"]: cell.get("socket") for cell in given.get("host_numa") or ()}
        self.guest = Guest(sockets=sockets)
        self.start(given["specs"])
        for address, state in (given.get("preset") or {}).items():
            self.tracker.restore(address, state["status"], state.get("owner"))

    def start(self, specs: t.Sequence[object]) -> None:
        self.tracker = DeviceTracker(self.allow_list(specs))
        self.sync(self.host.values())

    def allow_list(self, specs: t.Sequence[object]) -> AllowList:
        """The allow list, as it is for the host's devices now."""
        found = AllowList(parse_device_specs([our_spec(spec) for spec in specs], "device_spec"))
        return found.resolved(inventory(*self.host.values()))

    def sync(self, devices: t.Iterable[PciDevice]) -> None:
        found = self.tracker.sync(devices)
        self.gone.update(dict.fromkeys(found.removed, "removed"))
        self.warned.extend(f"{_HELD_AND_GONE} {address}" for address in found.leaving)

    def requests(self, wanted: t.Iterable[t.Any]) -> tuple[Request, ...]:
        entries = []
        for one in wanted:
            name = f"request {len(self.ids)}"
            self.ids[name] = one["id"]
            specs = [
                our_spec({key: item for key, item in spec.items() if key != "capability_type"}) for spec in one["specs"]
            ]
            policy = one.get("numa_policy")
            entries.append({"name": name, "count": one["count"], "specs": specs, "numa_policy": policy})
        there = inventory(*self.host.values())
        return tuple(request.resolved(there) for request in parse_requests(entries, {}))

    def claim(self, owner: str, wanted: t.Iterable[t.Any], cells: t.Iterable[int] | None) -> list[str]:
        guest = self.guest._replace(cells=frozenset(cells or ()))
        found = claim_requests(self.tracker, owner, self.requests(wanted), guest=guest)
        taken = [address for addresses in found.values() for address in addresses]
        if affinity_warnings([self.tracker[address].device for address in taken], guest):
            self.warned.append(_NO_AFFINITY)
        return taken

    @property
    def free(self) -> list[str]:
        return sorted(self.tracker.free)

    def state(self, address: str) -> str:
        return self.tracker[address].status if address in self.tracker else self.gone[address]

    def owner(self, address: str) -> str | None:
        return self.tracker[address].owner if address in self.tracker else None


def pools(case: t.Any) -> Outcome:
    return {"pools": _pools(Books(case["given"]))}


def _pools(books: Books) -> list[Outcome]:
    counts: Counter[tuple[t.Any, ...]] = Counter()
    for address in books.tracker.free:
        one = books.tracker[address]
        device = one.device
        above = device.physical_function or address
        key = (device.vendor_id, device.product_id, device.device_type, device.numa_node, above)
        counts[(*key, tuple(sorted(one.tags.items(), key=str)))] += 1
    names = ("vendor_id", "product_id", "dev_type", "numa_node", "address")
    return [{**dict(key[-1]), **dict(zip(names, key)), "count": count} for key, count in counts.items()]


def consume(case: t.Any) -> Outcome:
    books = Books(case["given"])
    try:
        taken = books.claim("owner", case["when"]["requests"], case["when"].get("numa_cells"))
    except HostdevError as error:
        return {"error": _kind(error), "free": books.free}
    devices = [books.tracker[address].device for address in taken]
    parents = {device.physical_function for device in devices}
    return {
        "selected": sorted(taken),
        "selected_count": len(taken),
        "selected_dev_type": sorted({device.device_type for device in devices}),
        "selected_parents": sorted(parent for parent in parents if parent is not None),
        "parents_of_selected_free": any(parent in books.tracker.free for parent in parents),
        "request_of": {address: books.ids[str(books.tracker[address].request)] for address in taken},
        "free": books.free,
    }


def support(case: t.Any) -> Outcome:
    books = Books(case["given"])
    guest = books.guest._replace(cells=frozenset(case["when"].get("numa_cells") or ()))
    answer = supports(books.tracker, books.requests(case["when"]["requests"]), guest=guest)
    return {"supported": answer, "free": books.free}


def apply(case: t.Any) -> Outcome:
    books = Books(case["given"])
    try:
        books.claim("owner", case["when"]["requests"], case["when"].get("numa_cells"))
    except HostdevError as error:
        return {"error": _kind(error)}
    left = _pools(books)
    return {"pool_count": len(left), "pool_total": sum(pool["count"] for pool in left)}


def tracker(case: t.Any) -> Outcome:
    books = Books(case["given"])
    specs = case["given"]["specs"]
    for number, step in enumerate(case["when"]["steps"]):
        specs = step.get("specs", specs)
        wanted, found = step.get("expect_error"), None
        try:
            _step(books, step, specs)
        except HostdevError as error:
            found = _kind(error)
        except TransitionError as error:
            found = error.code
        if found != wanted:
            return {"error": f"step {number} ({step['do']}): wanted {wanted}, found {found}"}
    known = [*books.host, *books.gone]
    addresses = [address for address in dict.fromkeys(known) if address in books.tracker or address in books.gone]
    states = {address: books.state(address) for address in addresses}
    tracked = {address: books.tracker[address] for address in addresses if address in books.tracker}
    return {
        "states": states,
        "owners": {address: books.owner(address) for address in addresses},
        "request_ids": {
            address: books.ids.get(one.request, one.request) if one.request is not None else None
            for address, one in tracked.items()
        },
        "props": {address: {**one.tags, **_properties(one.device)} for address, one in tracked.items()},
        "free": books.free,
        "tracked": sorted(address for address, state in states.items() if state != "deleted"),
        "allocated_count": sum(1 for state in states.values() if state == "allocated"),
        "claimed_count": sum(1 for state in states.values() if state == "claimed"),
        "warned": books.warned,
    }


def _step(books: Books, step: t.Any, specs: t.Sequence[object]) -> None:
    what, owner, address = step["do"], step.get("owner"), step.get("address")
    mine = books.tracker.held_by(owner) if owner is not None else []
    if what == "sync":
        if "devices" in step:
            books.host.update({entry["address"]: pci_device(entry) for entry in step["devices"]})
        named = [entry["address"] for entry in step["devices"]] if "devices" in step else step["report"]
        books.sync([books.host[one] for one in named])
    elif what == "sync_without_owned_by":
        held = {one.address for one in mine}
        books.sync([device for one, device in books.host.items() if one not in held])
    elif what == "claim":
        books.claim(owner, step["requests"], step.get("numa_cells"))
    elif what == "allocate":
        for one in mine:
            if one.status == "claimed":
                books.tracker.allocate(one.address, owner)
    elif what in ("free", "free_claims"):
        for one in mine:
            if what == "free" or one.status == "claimed":
                _free(books, one.address, owner)
    elif what == "free_device":
        _free(books, address, owner)
    elif what == "clean":
        for other in set(books.tracker.owners) - set(step["keep"]):
            for one in books.tracker.held_by(other):
                _free(books, one.address, other)
    elif what == "save":
        books.gone = dict.fromkeys(books.gone, "deleted")
    elif what == "restart":
        _restart(books, specs)
    elif what == "preset":
        states = step.get("preset") or {address: step}
        for one, state in states.items():
            books.tracker.restore(one, state["status"], state.get("owner"))
    elif what == "device.claim":
        books.tracker.claim(address, owner)
    elif what == "device.allocate":
        books.tracker.allocate(address, owner)
    elif what == "device.free":
        _free(books, address, owner)
    elif what == "device.remove":
        books.tracker.remove(address)
        books.gone[address] = "removed"
    else:
        raise ValueError(f"there is no step {what}")


def _free(books: Books, address: str, owner: str | None) -> None:
    books.tracker.release(address, owner)
    if address not in books.tracker:
        books.gone[address] = "removed"


def _restart(books: Books, specs: t.Sequence[object]) -> None:
    """As a run after another: the record tells who holds what, the host all else."""
    held = [one for one in books.tracker if one.owner is not None]
    present = [device for device in books.host.values() if device.address in books.tracker]
    books.tracker = DeviceTracker(books.allow_list(specs))
    for one in held:
        books.tracker.adopt(one.device, str(one.owner), one.request, allocated=one.status == "allocated")
    books.sync(present)


def _properties(device: PciDevice) -> Outcome:
    return {
        "vendor_id": device.vendor_id,
        "product_id": device.product_id,
        "numa_node": device.numa_node,
        "dev_type": device.device_type,
        "parent_addr": device.physical_function,
    }


def _kind(error: HostdevError) -> str:
    return "request_failed" if error.code == "not_enough_devices" else error.code


def _holds_in(key: str) -> t.Callable[[t.Any, t.Mapping[str, t.Any]], bool]:
    """Whether what is wanted of some addresses is found."""
    return lambda wanted, found: wanted.items() <= found.get(key, {}).items()


def _same_props(wanted: t.Any, found: t.Mapping[str, t.Any]) -> bool:
    return all(fields.items() <= found["props"].get(address, {}).items() for address, fields in wanted.items())


def _same_tracked(wanted: t.Any, found: t.Mapping[str, t.Any]) -> bool:
    """Whether the tracked devices are those wanted, or as many."""
    return wanted == len(found["tracked"]) if isinstance(wanted, int) else sorted(wanted) == found["tracked"]


def _same_pools(wanted: t.Any, found: t.Mapping[str, t.Any]) -> bool:
    """Whether each wanted pool, of which some keys are told, is another one of those found."""
    left = list(found["pools"])
    for pool in wanted:
        match = next((one for one in left if _is_pool(pool, one)), None)
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
    "selected": lambda wanted, found: sorted(wanted) == found.get("selected"),
    "selected_dev_type": lambda wanted, found: sorted(set(wanted)) == found.get("selected_dev_type"),
    "selected_parents": lambda wanted, found: sorted(set(wanted)) == found.get("selected_parents"),
    "tracked": _same_tracked,
    "free": lambda wanted, found: sorted(wanted) == found["free"],
    "warned": lambda wanted, found: any(wanted in text for text in found.get("warned", ())),
}
