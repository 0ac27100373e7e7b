# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Units, udev rules and what else runs at boot, and the scripts that those name."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.scripts import script_makers, unit_maker
from .at_boot import run_at_boot

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files


def makers(files: Files, pf: PfNames) -> t.Iterator[VfMaker]:
    for path, sources in run_at_boot(files):
        unit = unit_maker(path, pf)
        if unit is not None:
            yield unit
        for source in sources:
            yield from script_makers(source, pf)
