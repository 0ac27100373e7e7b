# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the sriov-network-operator."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.sriov_operator import FOLDER, kept_maker, named_maker

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files


def makers(files: Files, pf: PfNames) -> t.Iterator[VfMaker]:
    source = files.source(f"{FOLDER}/pci/{pf.address}")
    kept = None if source is None else kept_maker(source, pf)
    if kept is not None:
        yield kept
    for path in (*files.layered("udev/rules.d", ".rules"), *files.layered("systemd/system", ".service")):
        named = named_maker(path, pf)
        if named is not None:
            yield named
