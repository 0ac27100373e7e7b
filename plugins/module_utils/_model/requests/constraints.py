# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Constraints: what the devices of several requests must share, or must not. Wishes are written likewise."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .. import forms
from ..errors import HostdevError, few
from ..values import check_keys, flag, is_unicode

if t.TYPE_CHECKING:
    from .request import Request

MATCH = "match"
DISTINCT = "distinct"
RELATIONS = (MATCH, DISTINCT)
ATTRIBUTES = ("pcie_switch", "pcie_root", "numa_node", "socket", "slot", "iommu_group")
"""What is known of where a device sits. Any other attribute is a tag that the allow list gives devices."""
KEYS = ("requests", *RELATIONS, "pair")
_CODE = "invalid_constraint"

Renamed = t.Callable[[str], str]
"""From the name of a request to the one to write for it."""


def _constraint_form(value: object, path: str) -> None:
    """All fields, one relation, each request once, and two requests for a pair."""
    _FIELDS(value, path)
    written = t.cast("dict[str, t.Any]", value)
    if sum(relation in written for relation in RELATIONS) != 1:
        raise forms.wrong(path, value, "one with match or distinct")
    names = written["requests"]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise forms.wrong(f"{path}.requests[{index}]", name, "each request once")
    if "pair" in written and len(names) != 2:
        raise forms.wrong(f"{path}.requests", names, "two requests for a pair")
    forms.same(Constraint.from_dict(written).as_dict(), written, path)


_FIELDS = forms.mapping(
    {"requests": forms.listed(forms.text, least=1)},
    {MATCH: forms.text, DISTINCT: forms.text, "pair": forms.flag},
)


@dataclass(frozen=True)
class Constraint:
    """What must be true of the devices of all `requests`, which are named as where the constraint stands names them.

    `relation` is match: one value of `attribute` that all of them have; or distinct: no two share one. With `pair` each
    device of the first request has one of the second, and the relation holds within each such pair alone.
    """

    requests: tuple[str, ...]
    relation: str
    attribute: str
    pair: bool = False

    FORM: t.ClassVar[forms.Check] = _constraint_form

    def renamed(self, name_of: Renamed) -> Constraint:
        """The same constraint with each request named as `name_of` says."""
        return replace(self, requests=tuple(map(name_of, self.requests)))

    def describe(self) -> str:
        """What is wanted, in one line: `gpu and nic match in pcie_switch, in pairs`."""
        *others, last = self.requests
        named = f"{', '.join(others)} and {last}" if others else f"the devices of {last}"
        verb = "match in" if self.relation == MATCH else "are distinct in"
        return f"{named} {verb} {self.attribute}{', in pairs' if self.pair else ''}"

    def as_dict(self) -> dict[str, t.Any]:
        """The constraint as a user would write it."""
        return {
            "requests": list(self.requests),
            self.relation: self.attribute,
            **({"pair": True} if self.pair else {}),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Constraint:
        """The constraint that as_dict wrote."""
        relation = next(relation for relation in RELATIONS if relation in data)
        return cls(tuple(data["requests"]), relation, data[relation], data.get("pair", False))


def parse_constraints(value: object, path: str, tags: t.Collection[str] = ()) -> tuple[Constraint, ...]:
    """Read a list of `{requests: [gpu, nic], match: pcie_switch, pair: true}`; None is none.

    `path` is the option's name for errors, `tags` the names of the tags that the allow list gives. Raises HostdevError
    with code invalid_constraint.
    """
    if value is None:
        return ()
    if isinstance(value, t.Mapping):
        raise _invalid(path, f"found {dict(value)!r}", "a list of constraints", "put it into brackets: [{...}]")
    if isinstance(value, str) or not isinstance(value, t.Sequence):
        raise _invalid(path, f"found {value!r}", "a list of constraints")
    return tuple(_parsed(entry, f"{path}[{index}]", tags) for index, entry in enumerate(value))


def _parsed(entry: object, path: str, tags: t.Collection[str]) -> Constraint:
    if not isinstance(entry, t.Mapping):
        raise _refused(path, entry, "a mapping such as {requests: [gpu, nic], match: pcie_switch}")
    check_keys(entry, KEYS, path, _CODE)
    names = _requests(entry.get("requests"), f"{path}.requests")
    given = [relation for relation in RELATIONS if entry.get(relation) is not None]
    if len(given) != 1:
        found = "match and distinct" if given else "neither match nor distinct"
        remedy = "write two constraints" if given else ""
        raise HostdevError(_CODE, subject=path, found=found, wanted="exactly one of match and distinct", remedy=remedy)
    relation = given[0]
    attribute = _attribute(entry[relation], f"{path}.{relation}", tags)
    pair = _pair(entry.get("pair"), f"{path}.pair")
    if pair and len(names) != 2:
        raise HostdevError(
            _CODE,
            subject=f"{path}.pair",
            found=f"a pair of {few(names)}" if len(names) == 1 else f"a pair of {len(names)} requests ({few(names)})",
            wanted="two requests",
            remedy="leave pair out" if len(names) == 1 else "write a constraint for each two of them",
        )
    return Constraint(names, relation, attribute, pair)


def _requests(value: object, path: str) -> tuple[str, ...]:
    """The names of the requests; a text is one of them."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, t.Sequence) or not names:
        raise _refused(path, value, "a list of names of requests")
    read: list[str] = []
    for index, name in enumerate(names):
        if not isinstance(name, str) or not name.strip() or not is_unicode(name):
            raise _refused(f"{path}[{index}]", name, "the name of a request")
        if name.strip() in read:
            raise _refused(f"{path}[{index}]", name, "each request once: a count is constrained in itself")
        read.append(name.strip())
    return tuple(read)


def _attribute(value: object, path: str, tags: t.Collection[str]) -> str:
    from ..nearest import did_you_mean, nearest_first  # only what goes wrong needs it

    of_tags = set(tags).difference(ATTRIBUTES)
    known = (*ATTRIBUTES, *sorted(of_tags))
    if isinstance(value, str) and value.strip() in known:
        return value.strip()
    wanted = f"one of {', '.join(ATTRIBUTES)}, or a tag that the device_spec gives"
    named = few(nearest_first(str(value), of_tags), none="it gives none")
    raise _refused(path, value, f"{wanted} ({named})", did_you_mean(str(value), known))


def _pair(value: object, path: str) -> bool:
    try:
        return value is not None and flag(value, path) == "true"
    except HostdevError as error:
        raise error.but(code=_CODE) from error


def check_constraints(constraints: t.Iterable[Constraint], requests: t.Mapping[str, Request], path: str) -> None:
    """Refuse constraints over requests that there are not, or that are for no PCI functions, and unequal pairs.

    `requests` are those that constraints may name, by the names that they have there: of the task and on record, where
    the task's go first. Raises HostdevError with code invalid_constraint.
    """
    for index, constraint in enumerate(constraints):
        where = f"{path}[{index}]"
        for place, name in enumerate(constraint.requests):
            if name not in requests:
                raise _unknown_request(f"{where}.requests[{place}]", name, requests)
            node = requests[name].node
            if node is not None:
                raise _invalid(
                    f"{where}.requests[{place}]",
                    f"found {name!r}, a request for {node.describe()}",
                    "a request for PCI devices",
                )
        if constraint.pair:
            one, other = (requests[name] for name in constraint.requests)
            if one.count != other.count:
                first, second = constraint.requests
                raise _invalid(
                    f"{where}.pair",
                    f"{first} asks for {one.count} and {second} for {other.count}",
                    "equal counts, since each device of the one gets its own of the other",
                    "ask for as many of both, or leave pair out",
                )


def kept_constraints(
    on_record: t.Sequence[Constraint],
    named: t.Collection[str],
    asked: t.Sequence[Constraint],
    left: t.Collection[str],
) -> tuple[Constraint, ...]:
    """What is on record after a task that names the requests in `named` and asks for the constraints in `asked`.

    Those on record stay but where the task names all their requests and does not repeat them, and where one of their
    requests is not in `left`, which are those that there are afterwards. The order of wishes counts: it is the
    record's where that has all that is asked for in the order asked, so that tasks which take turns change nothing;
    else what is asked for goes first.
    """
    stay = [one for one in on_record if one in asked or not named_all(one, named)]
    stay = [one for one in stay if named_all(one, left)]
    asked = list(dict.fromkeys(asked))
    if [one for one in stay if one in asked] == asked:
        return tuple(stay)
    return (*asked, *(one for one in stay if one not in asked))


def named_all(constraint: Constraint, names: t.Collection[str]) -> bool:
    """Whether all requests of a constraint are among these."""
    return all(name in names for name in constraint.requests)


def reference(owner: str, request: str) -> str:
    """The name of an owner's request where there are several owners: OWNER/REQUEST."""
    return f"{owner}/{request}"


def owner_and_request(text: str, owners: t.Mapping[str, t.Collection[str]]) -> tuple[str, str] | None:
    """The owner and the request in OWNER/REQUEST, None where no known owner is in it.

    `owners` has the requests of each owner by its name. A free owner's name, and a request's, may hold slashes: of
    several ways to split the text the first counts whose owner has the request, else the first whose owner is known.
    """
    known = [(owner, request) for owner, request in _splits(text) if owner in owners]
    return next((split for split in known if split[1] in owners[split[0]]), known[0] if known else None)


def _splits(text: str) -> list[tuple[str, str]]:
    """All ways to take a text for OWNER/REQUEST."""
    return [(text[:index], text[index + 1 :]) for index, character in enumerate(text) if character == "/"]


def _unknown_request(path: str, name: str, requests: t.Collection[str]) -> HostdevError:
    from ..nearest import did_you_mean, nearest_first

    known = few(nearest_first(name, requests), none="there is none")
    without_owner = next((rest for _owner, rest in _splits(name) if rest in requests), None)
    if without_owner is None:
        remedy = did_you_mean(name, requests, "name a request of this task, or one on record")
    else:
        remedy = f"write {without_owner} where that is meant; over several owners kvm.hostdev.pci_passthrough has them"
    return _invalid(path, f"found {name!r}", f"a request of this task, or one on record ({known})", remedy)


def _refused(path: str, value: object, wanted: str, remedy: str = "") -> HostdevError:
    return _invalid(path, f"found {value!r}", wanted, remedy)


def _invalid(path: str, found: str, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_constraint", subject=path, found=found, wanted=wanted, remedy=remedy)
