# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of iommu_info."""

from __future__ import annotations

import typing as t

from ..._host.boot.iommu import group_types, lockdown, read_boot, units
from ..._host.sysfs import Tree
from ..._model.boot.platform import kernel_default, missing, recommended_arguments
from ..._model.boot.words import iommu_told

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def iommu_info(module: AnsibleModule) -> dict[str, t.Any]:
    """What firmware and kernel have; never changes the host."""
    tree = Tree()
    boot = read_boot(tree)
    lacking = missing(boot)
    return {
        "changed": False,
        "msg": iommu_told(boot, lacking),
        "platform": boot.platform,
        "machine": boot.machine,
        "virtual": boot.virtual,
        "enabled": boot.enabled,
        "reason": boot.reason,
        "firmware": boot.firmware,
        "kernel": {
            "release": boot.release,
            "on_by_default": kernel_default(boot),
            "arguments": list(boot.words),
            "contradictions": boot.contradictions,
        },
        "units": units(tree),
        "group_types": group_types(tree),
        "interrupt_remapping": boot.interrupt_remapping,
        "lockdown": lockdown(tree),
        "virtualization": {"flag": boot.processor_flag, "kvm": boot.kvm},
        "recommended_arguments": recommended_arguments(boot, identity=module.params["identity"]),
        "missing": lacking,
    }
