# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""netplan's files: of those of one name that in /run counts first (netplan-generate(8))."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.netplan import netplan_makers

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files


def makers(files: Files, pf: PfNames) -> list[VfMaker]:
    return netplan_makers(files.sources(files.layered("netplan", ".yaml", ("/run", "/etc", "/usr/lib", "/lib"))), pf)
