# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB with a grub.cfg that is made from /etc/default/grub alone: SUSE, RHEL without BLS entries, Arch, Gentoo."""

from __future__ import annotations

from ...._model.boot.formats.formats import GRUB_DEFAULTS, GRUB_DEFAULTS_SUSE
from ...._model.boot.planning import Place
from .grub_config import ByGrubConfig
from .grub_debian import DEFAULTS


class GrubGenerated(ByGrubConfig):
    """Our words stand in the variable, behind those of others."""

    name = "grub"
    _form = GRUB_DEFAULTS

    def places(self) -> list[Place]:
        return [Place(DEFAULTS, self._form, template=lambda _bases: b"")]


class GrubSuse(GrubGenerated):
    """YaST and pbl look at the variable of the default entries; so do we."""

    name = "suse_grub"
    _form = GRUB_DEFAULTS_SUSE
