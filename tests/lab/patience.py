# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to wait for something that never tells of its failure: on a busy machine everything takes longer."""

from __future__ import annotations

import os


def stretched(seconds: float) -> float:
    """Return how long what takes SECONDS on an idle machine may take now, by the number of those that want to run."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def detach_timeout() -> float:
    """Return how long a guest has to let a device go: a guest in a guest under emulation takes 5 to 15 s idle."""
    return stretched(90)


def patient() -> dict[str, int]:
    """Return the options of modules with which they wait for guests, and for other runs on the host, as long."""
    return {"detach_timeout": round(detach_timeout()), "lock_timeout": round(stretched(120))}
