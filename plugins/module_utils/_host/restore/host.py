# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host that a restore runs on, put together without Ansible."""

from __future__ import annotations

import os
import typing as t

from ..._model.errors import HostdevError
from ..binding.binder import Binder
from ..binding.exclusive import ExclusiveOpen
from ..binding.iproute import Iproute
from ..binding.physical_functions import PhysicalFunctions
from ..binding.sysfs_writer import SysfsWriter
from ..binding.vf_settings import VfSettings
from ..boot.programs import Programs
from ..change.host import ChangingHost

if t.TYPE_CHECKING:
    from ..libvirt.changes import DomainChanges
    from ..sysfs import Tree


def restored_host(tree: Tree, domains: DomainChanges | None = None) -> ChangingHost:
    """The host, with all that changes it."""
    programs = Programs(tree)
    write = SysfsWriter(tree)
    ip, devlink = (Iproute(programs.path(name) or name) for name in ("ip", "devlink"))

    def load_module(name: str) -> bool:
        path = programs.path("modprobe")
        try:
            return path is not None and programs.run(path, "--", name, seconds=60).status == 0
        except HostdevError:
            return False

    return ChangingHost(
        tree,
        domains,
        os.environ,
        binder=Binder(tree, write, load_module, disks=ExclusiveOpen(tree)),
        vf_settings=VfSettings(tree, ip),
        pfs=PhysicalFunctions(tree, write, ip, devlink),
    )
