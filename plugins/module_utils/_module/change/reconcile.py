# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of pci_reconcile, up to the module's result."""

from __future__ import annotations

import typing as t

from .changing import flow, result

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def reconcile(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work. What could not be brought back fails it in the end, and in check mode is only told."""
    outcome = flow(module, needs_libvirt=False).reconcile(persistent=module.params["persistent"])
    told = {
        **result(module, outcome),
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
