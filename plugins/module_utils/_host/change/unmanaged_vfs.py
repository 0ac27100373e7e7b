# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeping NetworkManager and systemd-networkd off VFs that have interfaces on the host: files made from the record."""

from __future__ import annotations

import contextlib
import typing as t

from ..._model.errors import HostdevError
from ..._model.sriov.unmanaged import NETWORK_PATH, RULES_PATH, GivenAway, network_file, udev_rules
from ..boot.own_files import OwnFiles
from ..boot.programs import Programs

if t.TYPE_CHECKING:
    from ..._model.claims.made_vfs import MadeVfs
    from ..sysfs import Tree


def keep_off(tree: Tree, made: t.Iterable[MadeVfs], *, check: bool = False) -> list[dict[str, str]]:
    """Have the files that these VFs need, or none; returns their diff. Raises HostdevError where they can't be written.

    VFs that the host's drivers leave alone have no interfaces, and need none.
    """
    given_away = [
        GivenAway(pf.address, f"{pf.identity['vendor_id']}:{pf.identity['product_id']}")
        for pf in {pf.address: pf for pf in made}.values()
        if pf.wanted.autoprobe and pf.wanted.number
    ]
    files = OwnFiles(tree, check=check)
    try:
        for path, text in ((RULES_PATH, udev_rules(given_away)), (NETWORK_PATH, network_file(given_away))):
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
    if files.changed and not check and programs.has("udevadm"):
        with contextlib.suppress(HostdevError):  # it looks for changes by itself, some seconds later
            programs.run("udevadm", "control", "--reload", seconds=20)
    return files.diff
