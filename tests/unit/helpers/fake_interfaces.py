# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A PF's interface that keeps the settings of its VFs, with a driver that knows both, or one of them, or none."""

from __future__ import annotations

import errno
import os
import typing as t

FRESH = {"trust": False, "spoof_check": True}


class FakeInterfaces:
    """The PFs' interfaces of a fake host. `log` has every write; a setting in `refused` can't be set."""

    def __init__(self, interface: str, vfs: int) -> None:
        self.log: list[str] = []
        self.refused: dict[str, int] = {}
        self.untold: set[str] = set()
        self.online = True
        self.settings = {interface: {index: dict(FRESH) for index in range(vfs)}}

    def read(self, interface: str) -> dict[int, t.Mapping[str, bool | None]]:
        if interface not in self.settings:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return {
            index: {name: None if name in self.untold else value for name, value in vf.items()}
            for index, vf in self.settings[interface].items()
        }

    def is_up(self, interface: str) -> bool:
        assert interface in self.settings
        return self.online

    def write(self, interface: str, index: int, name: str, value: bool) -> None:
        self.log.append(f"{interface} vf {index} {name} {value}")
        if name in self.refused:
            raise OSError(self.refused[name], os.strerror(self.refused[name]))
        self.settings[interface][index][name] = value

    def reboot(self) -> None:
        for vfs in self.settings.values():
            for index in vfs:
                vfs[index] = dict(FRESH)

    def picture(self) -> dict[str, str]:
        """The settings, beside the tree's files."""
        return {
            f"netlink: {interface} vf {index}": str(sorted(vf.items()))
            for interface, vfs in self.settings.items()
            for index, vf in vfs.items()
        }
