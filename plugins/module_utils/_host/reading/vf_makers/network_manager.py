# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkManager's profiles and configuration."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.network_manager import configuration_makers, profile_maker

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, VfMaker
    from .files import Files

_ABOVE = ("/etc", "/run", "/usr/lib")


def makers(files: Files, pf: PfNames) -> t.Iterator[VfMaker]:
    for source in files.sources(files.layered("NetworkManager/system-connections", "", _ABOVE)):
        maker = profile_maker(source, pf)
        if maker is not None:
            yield maker
    configuration = files.layered("NetworkManager/conf.d", ".conf", _ABOVE)
    for source in files.sources(["/etc/NetworkManager/NetworkManager.conf", *configuration]):
        yield from configuration_makers(source, pf)
