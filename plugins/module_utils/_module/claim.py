# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a claim's or release's options to its flow, and from the flow's outcome to the module's result."""

from __future__ import annotations

import typing as t

from .._host.change.flow import Flow
from .._model.errors import HostdevError, one_line
from .._model.requests.aliases import parse_aliases
from .._model.requests.allow_list import AllowList
from .._model.requests.device_spec import parse_device_specs
from .._model.requests.request import parse_requests
from .._model.requests.wish import FORCE, ClaimWish, ReleaseWish, Terms
from .arguments import parse_addresses, parse_allow, parse_group_members, parse_numa_cells, parse_root_ports
from .changing import changing_system

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .._host.change.outcome import Outcome
    from .._model.plan.plan import Plan


def claim(module: AnsibleModule) -> dict[str, t.Any]:
    """The claim module's work."""
    options = module.params
    for name in ("domain", "owner"):
        label = options[name]
        if label is not None and (not label.strip() or "\0" in label):
            raise HostdevError("invalid_option", subject=name, found=f"found {label!r}", wanted="a name")
    whole_group, members = parse_group_members(options["group_members"])
    specs = options["device_spec"]
    wish = ClaimWish(
        domain=options["domain"],
        owner=options["owner"],
        requests=parse_requests(options["requests"], parse_aliases(options["aliases"])),
        allow_list=AllowList(None if specs is None else parse_device_specs(specs, "device_spec")),
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
        numa_cells=None if options["numa_cells"] is None else parse_numa_cells(options["numa_cells"]),
    )
    outcome = _flow(module, needs_libvirt=wish.domain is not None).claim(wish)
    plan = outcome.plans[0]
    return {
        **_result(module, outcome),
        "claim": plan.after.as_dict(),
        "devices": _devices(plan),
        "node_devices": _node_devices(plan),
    }


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
    )
    outcome = _flow(module, needs_libvirt=False).release(wish)
    return {
        **_result(module, outcome),
        "claims": [plan.after.as_dict() for plan in outcome.plans],
        "devices": [device for plan in outcome.plans for device in _devices(plan)],
        "node_devices": [device for plan in outcome.plans for device in _node_devices(plan)],
        "cleaned": outcome.cleaned,
    }


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
    if options["on_detach_timeout"] == FORCE and not options["domain"] and options["addresses"]:
        raise HostdevError(
            "invalid_option",
            subject="on_detach_timeout",
            found="found force, and addresses of devices that any domain may have",
            wanted="the domain that may be stopped",
            remedy="set domain as well",
        )
    whose = named or options["orphans"]
    if not whose and (options["names"] or not options["addresses"]):
        raise HostdevError(
            "invalid_option",
            subject="names" if options["names"] else "this task",
            found="no owner is named" + (", whose requests they are" if options["names"] else ", and no device"),
            wanted="one of domain, owner, orphans" + ("" if options["names"] else ", addresses"),
        )


def _flow(module: AnsibleModule, *, needs_libvirt: bool) -> Flow:
    system, file = changing_system(module, needs_libvirt=needs_libvirt)
    return Flow(
        system,
        file,
        check_mode=module.check_mode,
        lock_timeout=module.params["lock_timeout"],
        detach_timeout=module.params["detach_timeout"],
        on_detach_timeout=module.params["on_detach_timeout"],
    )


def _result(module: AnsibleModule, outcome: Outcome) -> dict[str, t.Any]:
    for warning in outcome.warnings:
        module.warn(one_line(warning))
    result: dict[str, t.Any] = {
        "changed": outcome.changed,
        "stopped": outcome.stopped,
        "plan": [step.as_dict() for plan in outcome.plans for step in plan.steps],
    }
    if module._diff:
        result["diff"] = outcome.diff
    return result


def _devices(plan: Plan) -> list[dict[str, t.Any]]:
    """The devices of a plan: those held after a claim, those given back by a release."""
    if plan.operation == "claim":
        return [held.as_dict() for held in plan.after.holdings.values()]
    return [held.as_dict() for address, held in plan.before.holdings.items() if address not in plan.after.holdings]


def _node_devices(plan: Plan) -> list[dict[str, t.Any]]:
    """The USB and SCSI devices of a plan, likewise."""
    if plan.operation == "claim":
        return [held.as_dict() for held in plan.after.node_devices.values()]
    return [held.as_dict() for name, held in plan.before.node_devices.items() if name not in plan.after.node_devices]
