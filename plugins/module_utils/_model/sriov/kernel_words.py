# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which errno a program tells in words, in the C locale: iproute2 prints the kernel's refusal as text alone."""

from __future__ import annotations

import errno

# glibc's words, and musl's where they are others.
_ERRNOS = {
    "Resource temporarily unavailable": errno.EAGAIN,
    "Device or resource busy": errno.EBUSY,
    "Resource busy": errno.EBUSY,
    "Operation not supported": errno.EOPNOTSUPP,
    "Not supported": errno.EOPNOTSUPP,
    "Operation not permitted": errno.EPERM,
    "Invalid argument": errno.EINVAL,
    "Protocol not supported": errno.EPROTONOSUPPORT,
    "Network is down": errno.ENETDOWN,
    "No such device": errno.ENODEV,
    "Numerical result out of range": errno.ERANGE,
    "Result not representable": errno.ERANGE,
    "Cannot allocate memory": errno.ENOMEM,
    "Out of memory": errno.ENOMEM,
}


def errno_in(complaint: str) -> int | None:
    """The errno in what `ip` or `devlink` printed; None when it says none, as where `ip` itself refuses."""
    for line in complaint.splitlines():
        words = line.rpartition(": ")[2].strip().rstrip(".")
        if words in _ERRNOS:
            return _ERRNOS[words]
    return None
