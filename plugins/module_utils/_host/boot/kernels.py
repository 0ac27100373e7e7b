# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installed kernels and their modules, as depmod has listed them."""

from __future__ import annotations

import typing as t

from ..._model.boot.modules import Kernel, names_in, softdeps_in

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_MODULES = "/lib/modules"
_CONFIGURED = tuple(f"{folder}/modprobe.d" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))


def read_kernels(tree: Tree) -> list[Kernel]:
    """All kernels of which modules are installed.

    A folder without lists is what a kernel that was removed left behind, such as modules of DKMS.
    """
    kernels = []
    for release in tree.names(_MODULES):
        loadable, builtin, softdeps = (
            tree.data(f"{_MODULES}/{release}/modules.{name}") for name in ("dep", "builtin", "softdep")
        )
        if loadable is not None or builtin is not None:
            kernels.append(
                Kernel(
                    release,
                    names_in(loadable or b""),
                    names_in(builtin or b""),
                    softdeps_in((softdeps or b"").decode("utf-8", "replace")),
                )
            )
    return kernels


def other_softdeps(tree: Tree, natives: t.Collection[str], own: str) -> dict[str, list[str]]:
    """By driver: the other files of modprobe.d that have a softdep of it."""
    files: dict[str, list[str]] = {}
    seen = {own.rpartition("/")[2]}
    for folder in _CONFIGURED:
        for name in tree.names(folder):
            if name in seen or not name.endswith(".conf"):
                continue
            seen.add(name)  # of files of one name the first folder's counts (modprobe.d(5))
            for native in softdeps_in(tree.text(f"{folder}/{name}") or "").keys() & natives:
                files.setdefault(native, []).append(f"{folder}/{name}")
    return files
