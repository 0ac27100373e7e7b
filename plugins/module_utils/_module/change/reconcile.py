# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of pci_reconcile, up to the module's result."""

from __future__ import annotations

import typing as t

from ..._model.decision.vfs.words import told_of
from ..._model.errors import few
from .changing import flow, result

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._host.change.outcome import Outcome


def reconcile(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work. What could not be brought back fails it in the end, and in check mode is only told."""
    outcome = flow(module, needs_libvirt=False).reconcile(persistent=module.params["persistent"])
    told = {
        **result(module, outcome, also=_also(module, outcome), none="nothing is on record"),
        "moved": outcome.moved,
        "not_restored": [failure.as_dict() for failure in outcome.failed],
        "pfs": [
            {"address": one.pf.address, "number": one.target.number, "changed": one.changed} for one in outcome.vfs
        ],
    }
    if outcome.failed and not module.check_mode:
        errors = [failure.error for failure in outcome.failed]
        del told["msg"]
        module.fail_json(msg=" ".join(error.message for error in errors), error=errors[0].as_result(), **told)
    return told


def _also(module: AnsibleModule, outcome: Outcome) -> list[str]:
    """What no owner's plan tells: what moved, VFs, and what could not be brought back."""
    moved = few([f"{before} is at {now} now" for before, now in outcome.moved.items()])
    vfs = told_of(outcome.vfs, check_mode=module.check_mode)
    failed = few([failure.address for failure in outcome.failed])
    return [part for part in (moved, vfs, failed and f"not brought back: {failed}") if part]
