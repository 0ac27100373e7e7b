# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the stand-ins for libvirt's Python binding share: its numbers and its exception."""

from __future__ import annotations

# include/libvirt/libvirt-domain.h
INACTIVE = 2
LIVE, CONFIG = 1, 2
RUNNING, PAUSED, SHUT_OFF = 1, 3, 5
AUTOSTART = 1024

# include/libvirt/virterror.h
INTERNAL_ERROR = 1
INVALID_ARG = 8
OPERATION_FAILED = 9
SYSTEM_ERROR = 38
NO_DOMAIN = 42
NO_STORAGE_POOL, NO_STORAGE_VOL = 49, 50
OPERATION_INVALID = 55


class LibvirtError(Exception):
    """Like libvirt.libvirtError."""

    def __init__(self, message: str, code: int = INTERNAL_ERROR) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code


def invalid(what: str) -> LibvirtError:
    """What libvirt says to something that can't be done as things are."""
    return LibvirtError(f"Requested operation is not valid: {what}", OPERATION_INVALID)
