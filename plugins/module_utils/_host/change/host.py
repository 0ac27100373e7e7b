# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host with all that is read of it and done to it."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ..system import System

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..binding.binder import Binder
    from ..binding.physical_functions import PhysicalFunctions
    from ..binding.vf_settings import VfSettings
    from ..libvirt.changes import DomainChanges
    from ..reading.binders.binders import Found as Binders
    from ..reading.vf_makers.vf_makers import Found as VfMakers


@dataclass
class ChangingHost(System):
    """What is read of a host, and what changes it; what is None is not needed. `clock` tells the seconds since 1970."""

    domains: DomainChanges | None = None
    binder: Binder | None = None
    vf_settings: VfSettings | None = None
    pfs: PhysicalFunctions | None = None
    clock: t.Callable[[], float] = time.time

    def now(self) -> str:
        """The time of the host's clock, as the record has times."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock()))

    def binders(self) -> Binders:
        """Who else binds devices, at boot or when a domain starts."""
        from ..reading.binders.binders import read_binders

        return read_binders(self.tree)

    def vf_makers(self, pf: PciDevice) -> VfMakers:
        """What else on the host makes VFs of a PF, or sets them."""
        from ..reading.vf_makers.vf_makers import pf_names, read_vf_makers

        return read_vf_makers(self.tree, pf_names(self.tree, pf.address))
