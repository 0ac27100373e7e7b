# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of pci_sriov: from its options to a wish, and from what came of that to the module's result."""

from __future__ import annotations

import typing as t

from ..._model.decision.vfs.in_use import NEEDS_CARRIER
from ..._model.decision.vfs.words import told_of
from ..._model.errors import HostdevError
from ..._model.requests.specs.device_spec import parse_device_specs
from ..._model.sriov.settings import parse_settings, read_mtu
from ..._model.sriov.wish import VfsWish, parse_number, parse_vfs
from .arguments import parse_allow
from .changing import flow, tell_warnings, words

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.decision.vfs.decision import VfsDecision
    from ..._model.requests.specs.device_spec import DeviceSpec


def set_vfs(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work. Raises HostdevError."""
    options = module.params
    where, specs = _specs(options)
    absent = options["state"] == "absent"
    number = _number(options, absent=absent)
    if absent and options["vfs"]:
        raise HostdevError(
            "invalid_option",
            subject="vfs",
            found="found it with state: absent",
            wanted="one of the two: absent gives back the settings that there were",
            remedy="take vfs out",
        )
    every = parse_settings(options["settings"] or {}, "settings")
    wish = VfsWish(
        specs,
        where,
        number=number,
        absent=absent,
        every=every,
        vfs=parse_vfs(options["vfs"], number, every),
        autoprobe=options["autoprobe"],
        mtu=None if options["mtu"] is None else read_mtu(options["mtu"], "mtu"),
        eswitch=options["eswitch_mode"],
        take_over=options["take_over"],
        allow=parse_allow(options["allow"], NEEDS_CARRIER),
        persist=options["persist"],
    )
    outcome = flow(module, needs_libvirt=False).set_vfs(wish)
    tell_warnings(module, outcome)
    told = told_of(outcome.vfs, check_mode=module.check_mode)
    result = {
        "changed": outcome.changed,
        "msg": words(module, outcome, [told] if told else ()) or f"{wish.where}: nothing to give back",
        "pfs": [_shown(decision) for decision in outcome.vfs],
        "plan": [change.as_dict() for decision in outcome.vfs for change in decision.changes],
    }
    return {**result, "diff": outcome.diff} if module._diff else result


def _shown(decision: VfsDecision) -> dict[str, t.Any]:
    device, after = decision.pf.device, decision.after
    return {
        "address": device.address,
        "interface": device.interfaces[0] if device.interfaces else None,
        "number": decision.target.number,
        "total": decision.pf.most,
        "ours": after is not None,
        "changed": decision.changed,
        "settings": {} if after is None else after.wanted.as_dict().get("vfs", {}),
        "makers": [str(maker) for maker in decision.pf.makers],
    }


def _specs(options: t.Mapping[str, t.Any]) -> tuple[str, tuple[DeviceSpec, ...]]:
    """The option that names the PFs, and the specs that it stands for."""
    if options["specs"]:
        return "specs", parse_device_specs(options["specs"], "specs")
    for name in ("address", "devname"):
        if options[name] is not None:
            if not options[name].strip():
                # In a device spec that would be any device.
                raise HostdevError(
                    "invalid_option",
                    subject=name,
                    found="it is empty",
                    wanted="one physical function",
                    remedy=f"see what the variable has that {name} is made of",
                )
            spec = {name: options[name]}
            try:
                return f"{name} {options[name]}", parse_device_specs([spec], "specs")
            except HostdevError as error:
                from ..._model.unquoted import address_meant, and_quotes

                meant = address_meant(options[name]) if name == "address" else None
                raise and_quotes(error.but(subject=name), meant) from error
    raise HostdevError(
        "invalid_option",
        subject="specs",
        found="found an empty list",
        wanted="specs of the physical functions that are meant",
        remedy="add a spec, or name one by address or devname",
    )


def _number(options: t.Mapping[str, t.Any], *, absent: bool) -> int | None:
    if options["number"] is not None:
        if absent:
            raise HostdevError(
                "invalid_option",
                subject="number",
                found=f"found {options['number']} with state: absent",
                wanted="one of the two: absent gives back the number that there was",
                remedy="take number out, or say number: 0 for no VFs",
            )
        return parse_number(options["number"])
    if absent:
        return 0
    raise HostdevError(
        "invalid_option",
        subject="number",
        found="it is not given",
        wanted="how many VFs the PF shall have, or max",
        remedy="set number, or state: absent",
    )
