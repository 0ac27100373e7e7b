# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of the module for all claims of a host: from options to a wish, and from what came of that to a result."""

from __future__ import annotations

import typing as t

from ..._model.claims.words import short
from ..._model.errors import HostdevError, few
from ..._model.plan.plan import of_each_owner
from ..._model.plan.words import told
from ..._model.requests.wish import HostWish
from .changing import flow, result
from .claim import claim_wish, parse_alias_entries, parse_allow_list
from .options import TERMS_OPTIONS

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.plan.plan import Plan
    from ..._model.requests.request import Aliases
    from ..._model.requests.specs.allow_list import AllowList
    from ..._model.requests.wish import ClaimWish


def passthrough(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work."""
    options = module.params
    aliases, allow_list = parse_alias_entries(options["aliases"]), parse_allow_list(options["device_spec"])
    claims = tuple(
        _claim_wish(f"claims[{index}]", _with_defaults(claim, options), aliases, allow_list)
        for index, claim in enumerate(options["claims"])
    )
    needs_libvirt = options["orphans"] or any(claim.domain is not None for claim in claims)
    outcome = flow(module, needs_libvirt=needs_libvirt).passthrough(
        HostWish(claims, purge=options["purge"], orphans=options["orphans"])
    )
    left = [f"{short(owner)}: {short(request)}" for owner, request in outcome.stale]
    also = [f"no longer named, and kept without a purge: {few(left)}"] if left else []
    return {
        **result(module, outcome, also=also, none="nothing is claimed, and nothing goes back"),
        "owners": [_owner(plan, check_mode=module.check_mode) for plan in of_each_owner(outcome.plans)],
        "stale": [{"owner": owner, "request": request} for owner, request in outcome.stale],
    }


def _with_defaults(claim: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What is said of one owner, and of all where nothing is."""
    said = {name: claim[name] for name in TERMS_OPTIONS if claim[name] is not None}
    return {**claim, **{name: options[name] for name in TERMS_OPTIONS}, **said}


def _claim_wish(path: str, claim: t.Mapping[str, t.Any], aliases: Aliases, allow_list: AllowList) -> ClaimWish:
    try:
        return claim_wish(claim, aliases, allow_list)
    except HostdevError as error:
        whose = claim["domain"] or claim["owner"]
        raise error.but(subject=f"{path} ({whose}): {error.subject}") from error


def _owner(plan: Plan, *, check_mode: bool) -> dict[str, t.Any]:
    before, after = plan.before, plan.after
    held = {*after.holdings, *after.node_devices}
    return {
        "owner": after.owner.as_dict(),
        "changed": plan.changed,
        "msg": told(plan, check_mode=check_mode),
        "devices": [one.as_dict() for one in after.holdings.values()],
        "node_devices": [one.as_dict() for one in after.node_devices.values()],
        "given_back": [name for name in (*before.holdings, *before.node_devices) if name not in held],
    }
