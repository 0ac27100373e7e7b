# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB as Debian and Ubuntu have it: a file of our own in /etc/default/grub.d, and grub.cfg made anew.

Never a line in /etc/default/grub: the package's debconf script writes the values that it gets by sourcing it back over
every line that assigns them. It does not read the folder.
"""

from __future__ import annotations

import typing as t

from ...._model.boot.formats.formats import GRUB_DEFAULTS, OWN
from ...._model.boot.formats.grub_defaults import formats_in_effect, has_words_for_init
from ...._model.boot.planning import Place
from .grub_config import ByGrubConfig

if t.TYPE_CHECKING:
    from .loader import BootHost

DEFAULTS = "/etc/default/grub"
_FOLDER = "/etc/default/grub.d"
DROP_IN = f"{_FOLDER}/zz-kvm-hostdev.cfg"


class GrubDebian(ByGrubConfig):
    """Sourced in the order of their names, ours last: it refers to what the variable has from the others."""

    name = "grub_debian"

    def __init__(self, host: BootHost) -> None:
        super().__init__(host, "/boot/grub/grub.cfg", "grub-mkconfig")

    def places(self) -> list[Place]:
        return debian_places(self.host)


def reads_folder(host: BootHost) -> bool:
    """Whether grub-mkconfig, a script, sources the folder: Debian's does, others need not, whatever runs them."""
    script = host.programs.path("grub-mkconfig")
    return script is not None and b"/default/grub.d" in (host.files.read(script) or b"")


def debian_places(host: BootHost) -> list[Place]:
    """The files that are sourced, of which only a contradicting word may be replaced, then ours."""
    beside = [f"{_FOLDER}/{name}" for name in host.tree.names(_FOLDER) if name.endswith(".cfg")]
    paths = [path for path in (DEFAULTS, *beside) if path != DROP_IN]
    contents = [(path, data) for path in paths if (data := host.files.read(path)) is not None]
    forms = formats_in_effect([data for _path, data in contents])
    others = [
        Place(path, GRUB_DEFAULTS, in_effect=form, insert=False, line=False)
        for (path, _data), form in zip(contents, forms)
    ]
    own = _drop_in_before if has_words_for_init([data for _path, data in contents]) else _drop_in
    return [*others, Place(DROP_IN, OWN, own=own)]


def _drop_in(arguments: tuple[str, ...]) -> bytes:
    return _assigning(f"$GRUB_CMDLINE_LINUX {' '.join(arguments)}")


def _drop_in_before(arguments: tuple[str, ...]) -> bytes:
    """Behind a lone -- they would be init's."""
    return _assigning(f"{' '.join(arguments)} $GRUB_CMDLINE_LINUX")


def _assigning(value: str) -> bytes:
    about = "# Made by kvm.hostdev.kernel_arguments, which takes it out again with state=absent.\n"
    return f'{about}GRUB_CMDLINE_LINUX="{value}"\n'.encode("ascii")
