# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is looked for: requests with constraints and wishes, as far as pools can tell who serves them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..errors import few
from ..relations.relation import IN_TREE, Relation
from ..requests.constraints import ATTRIBUTES, MATCH
from .stock import KIND, looked_at, untold

if t.TYPE_CHECKING:
    from ..requests.constraints import Constraint
    from ..requests.request import Request
    from ..requests.specs.device_spec import DeviceSpec

# What no pool tells of its devices.
_UNTOLD_PLACES = ("slot", "socket", "iommu_group")


@dataclass(frozen=True)
class Asked:
    """`requests` are those that pools can tell of, the relations are over their places.

    `allow_list` is None where everything is permitted, `cells` are the host's NUMA nodes that the owner runs on, empty
    where it is bound to none. `left` are sentences on what is left to the claim, `names` those of all requests. Of
    pools `fields` matter; `tree` are the attributes of relations that are in the tree.
    """

    requests: tuple[Request, ...]
    allow_list: tuple[DeviceSpec, ...] | None = None
    constraints: tuple[Relation, ...] = ()
    wishes: tuple[Relation, ...] = ()
    cells: frozenset[int] = frozenset()
    left: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = field(init=False)
    tree: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        specs = [spec for request in self.requests for spec in request.specs]
        fields = {name for spec in (*specs, *(self.allow_list or ())) for name in looked_at(spec)}
        attributes = {relation.attribute for relation in (*self.constraints, *self.wishes)}
        if self.cells or "numa_node" in attributes:
            fields.update(("numa_node", "node"))
        object.__setattr__(self, "fields", (*KIND, *sorted(fields)))
        object.__setattr__(self, "tree", tuple(name for name in IN_TREE if name in attributes))

    @property
    def attributes(self) -> list[str]:
        """Those of relations that are not in the tree."""
        return sorted({relation.attribute for relation in (*self.constraints, *self.wishes)} - {*IN_TREE})


def asked(
    requests: t.Sequence[Request],
    allow_list: t.Sequence[DeviceSpec] | None = None,
    constraints: t.Sequence[Constraint] = (),
    wishes: t.Sequence[Constraint] = (),
    cells: t.Iterable[int] = (),
) -> Asked:
    """What of a claim pools can answer, and what is left to the claim on the host.

    A request for a device that nothing but its address, serial or the like tells is left to it, and so are constraints
    over such a request, and those on what no pool tells.
    """
    cells = frozenset(cells)
    left: list[str] = []
    told = [request for request in requests if _is_told(request)]
    place = {request.name: index for index, request in enumerate(told)}
    for request in requests:
        left += _left_of(request, request.name in place, cells)
    if allow_list is not None:
        left += _of_specs("device_spec", allow_list)
    # Which entry gives a device its tags is not known where one asks for what pools don't tell.
    tags = {tag for spec in allow_list or () for tag in spec.tags} if any(map(untold, allow_list or ())) else set()
    unknown = {*_UNTOLD_PLACES, *tags.difference(ATTRIBUTES)}
    relations: list[tuple[Relation, ...]] = []
    for several in (constraints, wishes):
        known = [one for one in several if place.keys() >= {*one.requests} and one.attribute not in unknown]
        left += [one.describe() for one in several if one not in known]
        relations.append(tuple(_relation(one, place) for one in known))
    return Asked(
        tuple(told),
        None if allow_list is None else tuple(allow_list),
        relations[0],
        relations[1],
        cells,
        tuple(dict.fromkeys(left)),
        tuple(request.name for request in requests),
    )


def _relation(one: Constraint, place: t.Mapping[str, int]) -> Relation:
    return Relation(tuple(place[name] for name in one.requests), one.attribute, one.relation == MATCH, one.pair)


def _is_told(request: Request) -> bool:
    """Whether pools can tell anything of what serves it."""
    if request.node is not None or request.address is not None:
        return False
    return all(set(spec.as_dict()) - {*untold(spec)} for spec in request.specs)


def _left_of(request: Request, is_told: bool, cells: t.Collection[int]) -> t.Iterator[str]:
    name = f"request {request.name}"
    if not is_told:
        yield f"{name}: {request.describe()}"
        return
    yield from _of_specs(name, request.specs)
    if request.numa_policy == "socket" or (request.numa_policy == "required" and not cells):
        yield f"{name}: numa_policy {request.numa_policy}"


def _of_specs(name: str, specs: t.Iterable[DeviceSpec]) -> t.Iterator[str]:
    keys = list(dict.fromkeys(key for spec in specs for key in untold(spec)))
    if keys:
        yield f"{name}: {few(keys)}"
