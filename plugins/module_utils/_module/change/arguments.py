# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading values that Ansible's types can't describe."""

from __future__ import annotations

import typing as t

from ..._model.address import normalize_address
from ..._model.errors import HostdevError

if t.TYPE_CHECKING:
    from ..._model.requests.constraints import Constraint
    from ..._model.requests.limits.limit import Limit
    from ..._model.requests.request import Aliases
    from ..._model.requests.specs.allow_list import AllowList


def parse_addresses(values: t.Iterable[object], path: str) -> tuple[str, ...]:
    """Addresses in sysfs spelling. Raises HostdevError with code invalid_address."""
    addresses = []
    for index, value in enumerate(values):
        try:
            addresses.append(normalize_address(value))
        except ValueError as error:
            from ..._model.unquoted import address_meant, and_quotes

            wrong = HostdevError(
                "invalid_address",
                subject=f"{path}[{index}]",
                found=f"found {value!r}",
                wanted="a PCI address such as 0000:3b:00.0",
            )
            raise and_quotes(wrong, address_meant(value)) from error
    return tuple(addresses)


def parse_group_members(value: object) -> tuple[bool, frozenset[str]]:
    """Whether the whole group is taken, and which mates are consented to. Raises HostdevError."""
    if value == "refuse":
        return False, frozenset()
    if value == "claim":
        return True, frozenset()
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple)):
        raise HostdevError(
            "invalid_option",
            subject="group_members",
            found=f"found {value!r}",
            wanted="refuse, claim or a list of PCI addresses",
        )
    try:
        return False, frozenset(parse_addresses(value, "group_members"))
    except HostdevError as error:
        raise error.but(wanted="refuse, claim or a list of PCI addresses") from error


def parse_numa_cells(cells: t.Sequence[int]) -> frozenset[int]:
    """Numbers of NUMA nodes. Raises HostdevError."""
    for index, cell in enumerate(cells):
        if cell < 0:
            raise HostdevError(
                "invalid_option",
                subject=f"numa_cells[{index}]",
                found=f"found {cell}",
                wanted="a NUMA node's number, 0 or more",
            )
    return frozenset(cells)


def parse_root_ports(options: t.Mapping[str, t.Any]) -> int | None:
    """How many root ports are to be free. Raises HostdevError for a number that is none, and without a domain."""
    wanted: int | None = options["ensure_root_ports"]
    if wanted is not None and (wanted < 1 or options["domain"] is None):
        raise HostdevError(
            "invalid_option",
            subject="ensure_root_ports",
            found=f"found {wanted}" + ("" if options["domain"] else " for an owner without a domain"),
            wanted="a number of root ports, 1 or more, of a domain",
        )
    return wanted


def parse_together(
    options: t.Mapping[str, t.Any], allow_list: AllowList
) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
    """What `constraints` and `prefer` say; the allow list gives the tags. Raises HostdevError."""
    if not options["constraints"] and not options["prefer"]:
        return (), ()
    from ..._model.requests.constraints import parse_constraints

    tags = allow_list.tag_names
    return parse_constraints(options["constraints"], "constraints", tags), parse_constraints(
        options["prefer"], "prefer", tags
    )


def parse_limit_entries(entries: list[object] | None, aliases: Aliases) -> tuple[Limit, ...] | None:
    """What `limits` says, None where it is not given. Raises HostdevError."""
    if not entries:
        return None if entries is None else ()
    from ..._model.requests.limits.limit import parse_limits

    return parse_limits(entries, aliases)


def parse_said(labels: t.Mapping[str, object] | None) -> dict[str, str] | None:
    """What `labels` says of the claim, None where it is not given. Raises HostdevError."""
    if not labels:
        return None if labels is None else {}
    from ..._model.requests.limits.labels import parse_labels

    return parse_labels(labels)


def parse_tenant(tenant: str | None) -> str | None:
    """The tenant that a task is for, None where it is for none. Raises HostdevError."""
    if tenant is None:
        return None
    from ..._model.requests.limits.labels import TENANT, parse_labels

    return parse_labels({TENANT: tenant}, "the option")[TENANT]


def parse_allow(codes: t.Iterable[str], among: t.Collection[str] | None = None) -> frozenset[str]:
    """Blocker codes that may be accepted, `among` all that a claim may accept where nothing else is said.

    Raises HostdevError for an unknown one and for one that no one may accept.
    """
    allowed = frozenset(codes)
    if not allowed:
        return allowed
    from ..._model.guards.registry import ALLOWABLE, GUARDS

    allowable = sorted(ALLOWABLE if among is None else among)
    for code in sorted(allowed.difference(allowable)):
        from ..._model.nearest import did_you_mean

        found, remedy = f"{code} is no blocker code", did_you_mean(code, allowable)
        if code in GUARDS:
            found = f"{code} can't be accepted: {GUARDS[code].meaning}"
            lifts = GUARDS[code].remedy.format(address="the device at fault")
            remedy = f"take it out of allow; where the code stands in the way: {lifts}"
        wanted = "some of " + ", ".join(allowable)
        raise HostdevError("invalid_option", subject="allow", found=found, wanted=wanted, remedy=remedy)
    return allowed
