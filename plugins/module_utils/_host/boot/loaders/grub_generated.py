# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB with a grub.cfg that is made from /etc/default/grub alone: SUSE, RHEL without BLS entries, Arch, Gentoo."""

from __future__ import annotations

import typing as t

from ...._model.boot.formats import GRUB_DEFAULTS, GRUB_DEFAULTS_SUSE
from ...._model.boot.planning import Place
from ..loader import Loader
from .grub_config import GrubConfig
from .grub_debian import DEFAULTS

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from ..loader import BootHost, Goal


class GrubGenerated(Loader):
    """Our words stand in the variable, behind those of others."""

    name = "grub"
    _form = GRUB_DEFAULTS

    def __init__(self, host: BootHost, config: str, program: str) -> None:
        super().__init__(host)
        self._config = GrubConfig(host, config, program)

    def places(self) -> list[Place]:
        return [Place(DEFAULTS, self._form, template=lambda _bases: b"")]

    def is_stale(self, goal: Goal) -> bool:
        return self._config.is_stale(goal)

    def generated(self) -> list[str]:
        return [self._config.path]

    def generate(self, goal: Goal, _changes: t.Sequence[FileChange]) -> None:
        self._config.generate(goal)

    def tidy(self) -> None:
        self._config.tidy()


class GrubSuse(GrubGenerated):
    """YaST and pbl look at the variable of the default entries; so do we."""

    name = "suse_grub"
    _form = GRUB_DEFAULTS_SUSE
