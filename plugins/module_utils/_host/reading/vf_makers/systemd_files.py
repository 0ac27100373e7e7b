# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd's .link and .network files with their drop-ins."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.systemd_files import Unit, link_makers, network_makers

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files

_FOLDER = "systemd/network"


def makers(files: Files, pf: PfNames) -> list[VfMaker]:
    return [*link_makers(_units(files, ".link"), pf), *network_makers(_units(files, ".network"), pf)]


def _units(files: Files, suffix: str) -> list[Unit]:
    """In the order in which they are tried. A file of another folder of the same name is replaced, or masked."""
    units = []
    for source in files.sources(files.layered(_FOLDER, suffix)):
        drop_ins = files.layered(f"{_FOLDER}/{source.path.rpartition('/')[2]}.d", ".conf")
        units.append(Unit(source, tuple(files.sources(drop_ins))))
    return units
