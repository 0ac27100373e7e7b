# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host that a restore runs on."""

from __future__ import annotations

import functools
import os
import typing as t

from ..._model.errors import HostdevError
from ..boot.programs import Programs
from ..change.host import ChangingHost
from ..sysfs import Tree

if t.TYPE_CHECKING:
    from ..binding.binder import Binder
    from ..binding.physical_functions import PhysicalFunctions
    from ..binding.vf_settings import VfSettings
    from ..libvirt.changes import DomainChanges


class RestoredHost(ChangingHost):
    """The host without Ansible. What binds drivers and sets VFs is made, and imported, when it is first used."""

    def __init__(self, tree: Tree, domains: DomainChanges | None = None) -> None:
        self.tree, self.domains, self.environ = tree, domains, os.environ

    @functools.cached_property
    def binder(self) -> Binder:
        from ..binding.binder import Binder
        from ..binding.exclusive import ExclusiveOpen
        from ..binding.sysfs_writer import SysfsWriter

        return Binder(self.tree, SysfsWriter(self.tree), self._load_module, disks=ExclusiveOpen(self.tree))

    @functools.cached_property
    def vf_settings(self) -> VfSettings:
        from ..binding.iproute import Iproute
        from ..binding.vf_settings import VfSettings

        return VfSettings(self.tree, Iproute(self._program("ip")))

    @functools.cached_property
    def pfs(self) -> PhysicalFunctions:
        from ..binding.iproute import Iproute
        from ..binding.physical_functions import PhysicalFunctions
        from ..binding.sysfs_writer import SysfsWriter

        programs = (Iproute(self._program(name)) for name in ("ip", "devlink"))
        return PhysicalFunctions(self.tree, SysfsWriter(self.tree), *programs)

    def _program(self, name: str) -> str:
        return Programs(self.tree).path(name) or name

    def _load_module(self, name: str) -> bool:
        programs = Programs(self.tree)
        path = programs.path("modprobe")
        try:
            return path is not None and programs.run(path, "--", name, seconds=60).status == 0
        except HostdevError:
            return False
