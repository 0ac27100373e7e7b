# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claim module's work: from its options to a wish, and from what came of that to the module's result."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.requests.request import parse_requests
from ..._model.requests.specs.allow_list import AllowList
from ..._model.requests.wish import ClaimWish, Terms
from ..._model.values import is_unicode
from .arguments import (
    parse_allow,
    parse_group_members,
    parse_limit_entries,
    parse_numa_cells,
    parse_root_ports,
    parse_said,
    parse_tenant,
    parse_together,
)
from .changing import claim_of, devices, due_back, flow, node_devices, result
from .together import told_of_search, told_together, unmet

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.requests.limits.limit import Limit
    from ..._model.requests.request import Aliases


def claim(module: AnsibleModule) -> dict[str, t.Any]:
    """The claim module's work."""
    options = module.params
    aliases = parse_alias_entries(options["aliases"])
    limits = parse_limit_entries(options["limits"], aliases)
    wish = claim_wish(options, aliases, parse_allow_list(options["device_spec"]), limits)
    outcome = flow(module, needs_libvirt=wish.domain is not None).claim(wish)
    plan = outcome.plans[-1]  # before it the definition may have followed devices that moved
    together = outcome.together[plan.after.owner.key]
    return {
        **result(module, outcome, also=[*unmet(together), *due_back(plan)]),
        "claim": claim_of(plan),
        "devices": devices(plan),
        "node_devices": node_devices(plan),
        **told_together(together),
        **told_of_search(outcome),
    }


def claim_wish(
    options: t.Mapping[str, t.Any], aliases: Aliases, allow_list: AllowList, limits: tuple[Limit, ...] | None
) -> ClaimWish:
    """What the options ask for one owner. Raises HostdevError."""
    for name in ("domain", "owner"):
        label = options[name]
        if label is not None and (not label.strip() or "\0" in label or not is_unicode(label)):
            raise HostdevError("invalid_option", subject=name, found=f"found {label!r}", wanted="a name")
    whole_group, members = parse_group_members(options["group_members"])
    constraints, prefer = parse_together(options, allow_list)
    return ClaimWish(
        domain=options["domain"],
        owner=options["owner"],
        requests=parse_requests(options["requests"], aliases),
        allow_list=allow_list,
        terms=Terms(
            allow=parse_allow(options["allow"]),
            whole_group=whole_group,
            members=members,
            replace_misfits=options["on_mismatch"] == "replace",
            require_reset=options["require_reset"],
        ),
        attach=tuple(options["attach"]),
        managed=options["managed"],
        free_root_ports=parse_root_ports(options),
        persist=options["persist"],
        numa_cells=None if options["numa_cells"] is None else parse_numa_cells(options["numa_cells"]),
        constraints=constraints,
        prefer=prefer,
        labels=parse_said(options["labels"]),
        tenant=parse_tenant(options.get("tenant")),
        limits=limits,
    )


def parse_alias_entries(entries: list[object]) -> Aliases:
    """What requests may name by `alias`. Raises HostdevError."""
    if not entries:
        return {}
    from ..._model.requests.aliases import parse_aliases

    return parse_aliases(entries)


def parse_allow_list(entries: list[object] | None) -> AllowList:
    """The allow list of a task; without any all devices may be taken. Raises HostdevError."""
    if entries is None:
        return AllowList(None)
    from ..._model.requests.specs.device_spec import parse_device_specs

    return AllowList(parse_device_specs(entries, "device_spec"))
