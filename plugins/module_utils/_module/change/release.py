# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release module's work: from its options to a wish, and from what came of that to the module's result."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError, few
from ..._model.requests.wish import FORCE, ReleaseWish
from .arguments import parse_addresses, parse_tenant
from .changing import devices, flow, node_devices, result

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.plan.plan import Plan


def release(module: AnsibleModule) -> dict[str, t.Any]:
    """The release module's work."""
    options = module.params
    _check_scope(options)
    wish = ReleaseWish(
        domain=options["domain"],
        owner=options["owner"],
        names=tuple(options["names"]),
        addresses=parse_addresses(options["addresses"], "addresses"),
        orphans=options["orphans"],
        cleaned=options["cleaned"],
        to_host=options["to"] == "host",
        expired=options["expired"],
        tenant=parse_tenant(options["tenant"]),
    )
    outcome = flow(module, needs_libvirt=False).release(wish)
    return {
        **result(module, outcome, none="nothing to give back"),
        "claims": [plan.after.as_dict() for plan in outcome.plans],
        "devices": [device for plan in outcome.plans for device in devices(plan)],
        "node_devices": [device for plan in outcome.plans for device in node_devices(plan)],
        "cleaned": outcome.cleaned,
        "still_bound": [address for plan in outcome.plans for address in _still_bound(plan)] + outcome.vfio_again,
    }


def _still_bound(plan: Plan) -> list[str]:
    """The devices given back that stay with the VFIO driver that they had before we came."""
    moved = {step.address for step in plan.steps if step.changes_driver}
    return [
        address
        for address, held in plan.before.holdings.items()
        if held.adopted and address not in plan.after.holdings and address not in moved
    ]


def _check_scope(options: t.Mapping[str, t.Any]) -> None:
    """Refuse a release that names nobody: without a limit it would be everybody's.

    Ansible's required_one_of takes an option with a default for one that was given.
    """
    named = options["domain"] or options["owner"]
    if named and options["orphans"]:
        raise HostdevError(
            "invalid_option",
            subject="orphans",
            found=f"found it together with {named}",
            wanted="orphans alone, which are of domains that no longer exist, or the name of one owner",
        )
    if options["on_detach_timeout"] == FORCE and not options["domain"] and (options["addresses"] or options["expired"]):
        raise HostdevError(
            "invalid_option",
            subject="on_detach_timeout",
            found=f"found force, and {'addresses of devices' if options['addresses'] else 'overdue devices'} that any "
            "domain may have",
            wanted="the domain that may be stopped",
            remedy="set domain as well",
        )
    if options["expired"]:
        _check_expired(options)
    whose = named or options["orphans"] or options["expired"]
    if not whose and (options["names"] or not options["addresses"]):
        raise HostdevError(
            "invalid_option",
            subject="names" if options["names"] else "this task",
            found="no owner is named" + (", whose requests they are" if options["names"] else ", and no device"),
            wanted="one of domain, owner, orphans, expired" + ("" if options["names"] else ", addresses"),
            remedy="add one of them",
        )


def _check_expired(options: t.Mapping[str, t.Any]) -> None:
    """Refuse what says otherwise than the record what is overdue."""
    beside = [name for name in ("names", "addresses", "orphans") if options[name]]
    if beside:
        raise HostdevError(
            "invalid_option",
            subject="expired",
            found=f"found it together with {few(beside)}",
            wanted="expired alone, or with the domain or owner whose overdue devices are meant",
            remedy=f"leave {few(beside)} out: the record has what is overdue",
        )
