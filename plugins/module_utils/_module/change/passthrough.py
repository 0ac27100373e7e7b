# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of the module for all claims of a host: from options to a wish, and from what came of that to a result."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.claims.words import short, told_apart
from ..._model.decision.passthrough.owners import about, entry
from ..._model.errors import HostdevError, few
from ..._model.plan.plan import of_each_owner
from ..._model.plan.words import told
from ..._model.relations.told import NOTHING_TOLD
from ..._model.requests.wish import HostWish
from .arguments import parse_limit_entries, parse_together
from .changing import check_kept, due_back, flow, result
from .claim import claim_wish, parse_alias_entries, parse_allow_list
from .options import TERMS_OPTIONS
from .together import told_of_search, told_together, unmet

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._host.change.outcome import Outcome
    from ..._model.claims.claim import Owner
    from ..._model.plan.plan import Plan
    from ..._model.requests.request import Aliases
    from ..._model.requests.specs.allow_list import AllowList
    from ..._model.requests.wish import ClaimWish


def passthrough(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work."""
    options = module.params
    aliases, allow_list = parse_alias_entries(options["aliases"]), parse_allow_list(options["device_spec"])
    limits = parse_limit_entries(options["limits"], aliases)
    claims = tuple(
        replace(_claim_wish(index, claim, options, aliases, allow_list), limits=limits)
        for index, claim in enumerate(options["claims"])
    )
    constraints, prefer = parse_together(options, allow_list)
    needs_libvirt = options["orphans"] or any(claim.domain is not None for claim in claims)
    outcome = flow(module, needs_libvirt=needs_libvirt).passthrough(
        HostWish(claims, options["purge"], options["orphans"], constraints, prefer, limits)
    )
    names = told_apart(outcome.owners)
    return {
        **result(module, outcome, also=_also(outcome, names), none="nothing is claimed, and nothing goes back"),
        "owners": [
            {
                **_owner(plan, names[plan.after.owner.key], check_mode=module.check_mode),
                **told_together(outcome.together.get(plan.after.owner.key, NOTHING_TOLD)),
            }
            for plan in of_each_owner(outcome.plans)
        ],
        **_of_several(outcome),
        "stale": _requests(outcome.stale),
        "undeclared": _requests(outcome.undeclared),
    }


def _also(outcome: Outcome, names: t.Mapping[str, str]) -> list[str]:
    """What no plan tells: what is not named, what is not as it was wanted most, and when devices are due back."""
    also = [
        f"{what}: {few([f'{names[owner.key]}: {short(request)}' for owner, request in requests])}"
        for what, requests in (
            ("no longer named, and kept without a purge", outcome.stale),
            ("not named, and kept since it was claimed otherwise", outcome.undeclared),
        )
        if requests
    ]
    also += [f"{names[key]}: {one}" for key, told in outcome.together.items() for one in unmet(told)]
    also += [f"{names[plan.after.owner.key]}: {one}" for plan in of_each_owner(outcome.plans) for one in due_back(plan)]
    return [*also, *unmet(outcome.of_several or NOTHING_TOLD)]


def _with_defaults(claim: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What is said of one owner, and of all where nothing is."""
    said = {name: claim[name] for name in TERMS_OPTIONS if claim[name] is not None}
    return {**claim, **{name: options[name] for name in TERMS_OPTIONS}, **said}


def _claim_wish(
    index: int,
    claim: t.Mapping[str, t.Any],
    options: t.Mapping[str, t.Any],
    aliases: Aliases,
    allow_list: AllowList,
) -> ClaimWish:
    named = [claim[kind] for kind in ("domain", "owner") if claim[kind] is not None]
    if len(named) != 1:
        raise HostdevError(
            "invalid_option",
            subject=f"claims[{index}]",
            found=f"{' and '.join(named)}, a domain and an owner" if named else "neither domain nor owner",
            wanted="one of them: who gets the devices",
            remedy="leave one of them out" if named else "give a libvirt domain as domain, or a free name as owner",
        )
    with about(entry(index, named[0])):
        if claim["persist"]:
            check_kept(options["facts_path"])
        return claim_wish(_with_defaults(claim, options), aliases, allow_list, None)


def _requests(named: t.Iterable[tuple[Owner, str]]) -> list[dict[str, t.Any]]:
    return [{"owner": owner.as_dict(), "request": request} for owner, request in named]


def _of_several(outcome: Outcome) -> dict[str, t.Any]:
    told = told_together(outcome.of_several or NOTHING_TOLD)
    return {"pairs": told["pairs"], "met": told["met"], **told_of_search(outcome)}


def _owner(plan: Plan, name: str, *, check_mode: bool) -> dict[str, t.Any]:
    before, after = plan.before, plan.after
    held = {*after.holdings, *after.node_devices}
    return {
        "owner": after.owner.as_dict(),
        "changed": plan.changed,
        "msg": told(plan, name, check_mode=check_mode),
        "devices": [one.as_dict() for one in after.holdings.values()],
        "node_devices": [one.as_dict() for one in after.node_devices.values()],
        "given_back": [name for name in (*before.holdings, *before.node_devices) if name not in held],
    }
