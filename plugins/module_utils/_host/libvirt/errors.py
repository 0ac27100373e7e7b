# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt's errors mean to somebody who attaches devices.

Numbers are of a stable ABI (include/libvirt/virterror.h), so that nothing here imports libvirt.
"""

from __future__ import annotations

INTERNAL_ERROR = 1
NO_CONNECT = 5
INVALID_CONN = 6
INVALID_ARG = 8
OPERATION_FAILED = 9
SYSTEM_ERROR = 38
RPC = 39
NO_DOMAIN = 42
OPERATION_INVALID = 55
CONFIG_UNSUPPORTED = 67
OPERATION_TIMEOUT = 68
OPERATION_UNSUPPORTED = 84
ACCESS_DENIED = 88
DEVICE_MISSING = 99


def number(error: Exception) -> int | None:
    """The error's number, None for an exception that is not libvirt's."""
    code = getattr(error, "get_error_code", lambda: None)()
    return None if code is None else int(code)


def is_gone(error: Exception) -> bool:
    """Whether it says that there is no such domain."""
    return number(error) == NO_DOMAIN
