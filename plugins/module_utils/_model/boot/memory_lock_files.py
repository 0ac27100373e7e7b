# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drop-ins with how much memory libvirt's daemons, and the guests that they start, may lock (systemd.exec(5))."""

from __future__ import annotations

import re

from ..errors import HostdevError

MARK = "# Made by kvm.hostdev.memory_lock, which replaces and removes it as a whole."
SERVICES = ("libvirtd", "virtqemud")
"""The one daemon for all, and that for QEMU alone, in whose place it is on newer hosts."""

_UNITS = "KMGTPE"
_LIMIT = re.compile(rf"infinity|[1-9][0-9]*[{_UNITS}]?")


def drop_in_path(service: str) -> str:
    return f"/etc/systemd/system/{service}.service.d/kvm-hostdev.conf"


def drop_in(limit: str) -> bytes:
    """Raises HostdevError with code invalid_option."""
    if not _LIMIT.fullmatch(limit) or _beyond(limit):
        raise HostdevError(
            "invalid_option",
            subject="limit",
            found=f"found {limit!r}",
            wanted="infinity, or a number of bytes such as 64G (units of 1024: K, M, G, T, P, E)",
        )
    return f"{MARK}\n[Service]\nLimitMEMLOCK={limit}\n".encode()


def _beyond(limit: str) -> bool:
    """Whether systemd takes it for no number, leaves the limit as it is, and only logs that (rlimit_parse_size)."""
    if limit == "infinity" or len(limit) > 20:
        return limit != "infinity"
    digits = limit.rstrip(_UNITS)
    return int(digits) << 10 * (1 + _UNITS.index(limit[-1]) if limit[-1] in _UNITS else 0) >= 1 << 64
