# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping NetworkManager and systemd-networkd off VFs that have interfaces on the host: files made from the record."""

from __future__ import annotations

import contextlib
import typing as t

from ..._model.errors import HostdevError
from ..._model.sriov.unmanaged import NETWORK_PATH, RULES_PATH, GivenAway, network_file, udev_rules
from ..boot.own_files import OwnFiles, as_shown
from ..boot.programs import Programs

if t.TYPE_CHECKING:
    from ..._model.claims.made_vfs import MadeVfs
    from ..sysfs import Tree


def files_diff(tree: Tree, made: t.Iterable[MadeVfs]) -> list[dict[str, str]]:
    """What `keep_off` would change of the files, as Ansible's diff has it."""
    shown = [(path, as_shown(tree.data(path)), text) for path, text in _wanted(made)]
    return [
        {"before_header": path, "before": before, "after_header": path, "after": after}
        for path, before, after in shown
        if before != after
    ]


def keep_off(tree: Tree, made: t.Iterable[MadeVfs]) -> None:
    """Have the files that these VFs need, or none. Raises HostdevError where they can't be written."""
    files = OwnFiles(tree)
    try:
        for path, text in _wanted(made):
            if text:
                files.write(path, text.encode())
            else:
                files.remove(path)
    except OSError as error:
        raise HostdevError(
            "vfs_failed",
            subject=RULES_PATH,
            found=f"it can't be written: {error}",
            wanted="a rule that keeps the host's network services off the VFs",
            remedy="see whether /etc is writable, or set autoprobe: false",
        ) from error
    programs = Programs(tree)
    if files.changed and programs.has("udevadm"):
        with contextlib.suppress(HostdevError):  # it looks for changes by itself, some seconds later
            programs.run("udevadm", "control", "--reload", seconds=20)


def _wanted(made: t.Iterable[MadeVfs]) -> tuple[tuple[str, str], ...]:
    """Path and text of each file, "" for none: VFs that the host's drivers leave alone have no interfaces."""
    given_away = [
        GivenAway(pf.address, f"{pf.identity['vendor_id']}:{pf.identity['product_id']}")
        for pf in {pf.address: pf for pf in made}.values()
        if pf.wanted.autoprobe and pf.wanted.number
    ]
    return (RULES_PATH, udev_rules(given_away)), (NETWORK_PATH, network_file(given_away))
