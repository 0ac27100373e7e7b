# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the modules that change a host."""

from __future__ import annotations

import typing as t

from ..._model.requests.wish import CHOICES, FAIL
from ..options import HOST_OPTIONS

CHANGE_OPTIONS: dict[str, t.Any] = {
    **HOST_OPTIONS,
    "lock_timeout": {"type": "int", "default": 60},
    "detach_timeout": {"type": "int", "default": 30},
    "on_detach_timeout": {"type": "str", "choices": list(CHOICES), "default": FAIL},
}
