# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of pci_adopt: from its options to a wish, and from what came of that to the module's result."""

from __future__ import annotations

import typing as t

from ..._model.decision.adoption.adoption import AdoptWish
from ..._model.decision.adoption.words import told
from ..._model.errors import HostdevError
from ..._model.values import is_unicode
from .changing import flow, tell_warnings, words

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._host.change.outcome import Outcome
    from ..._model.claims.made_vfs import MadeVfs
    from ..._model.decision.adoption.adoption import Adopted, Adoption


def adopt(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work. Raises HostdevError."""
    options = module.params
    domains, owner = options["domains"], options["unattached_owner"]
    for name, labels in (("domains", domains or ()), ("unattached_owner", [] if owner is None else [owner])):
        for label in labels:
            if not label.strip() or "\0" in label or not is_unicode(label):
                raise HostdevError("invalid_option", subject=name, found=f"found {label!r}", wanted="a name")
    wish = AdoptWish(
        domains=None if domains is None else frozenset(domains),
        vfs=options["vfs"],
        take_over=options["take_over"],
        unattached_owner=owner,
        persist=options["persist"],
    )
    # What libvirt keeps of its domains is looked at on a host where it could not be asked, and is not recorded.
    rehearsed = options["recording"] is not None and owner is not None
    outcome = flow(module, needs_libvirt=bool(domains) or rehearsed).adopt(wish)
    tell_warnings(module, outcome)
    result = _result(module, outcome)
    return {**result, "diff": outcome.diff} if module._diff else result


def _result(module: AnsibleModule, outcome: Outcome) -> dict[str, t.Any]:
    adoption = t.cast("Adoption", outcome.adoption)
    return {
        "changed": outcome.changed,
        "msg": words(module, outcome, [told(adoption, check_mode=module.check_mode)]),
        "claims": [_claim(adopted) for adopted in adoption.claims],
        "vfs": [_vfs(made, adoption) for made in adoption.vfs],
        "unattached": list(adoption.unattached),
        "fighters": [fighter.as_dict() for fighter in adoption.fighters],
        "lines": adoption.lines,
    }


def _claim(adopted: Adopted) -> dict[str, t.Any]:
    requests = {held.request for held in adopted.holdings}
    return {
        "owner": adopted.after.owner.as_dict(),
        "requests": [request.as_dict() for name, request in adopted.after.requests.items() if name in requests],
        "devices": [held.as_dict() for held in adopted.holdings],
        "persist": adopted.after.persist,
    }


def _vfs(made: MadeVfs, adoption: Adoption) -> dict[str, t.Any]:
    device = adoption.inventory.devices[made.address]
    return {
        "address": made.address,
        "interface": device.interfaces[0] if device.interfaces else None,
        "number": made.wanted.number,
        "autoprobe": made.wanted.autoprobe,
        "mtu": made.wanted.mtu,
        "eswitch_mode": made.wanted.eswitch,
        "settings": made.wanted.as_dict().get("vfs", {}),
        "persist": made.persist,
    }
