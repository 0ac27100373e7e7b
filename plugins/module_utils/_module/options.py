# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules have."""

from __future__ import annotations

import typing as t

FACTS_PATH = "/etc/ansible/facts.d"
URI = "qemu:///system"

RECORDING_OPTIONS: dict[str, t.Any] = {"recording": {"type": "path"}}
"""Of modules that can work on a recorded host instead of the one they run on."""

HOST_OPTIONS: dict[str, t.Any] = {
    "uri": {"type": "str", "default": URI},
    "facts_path": {"type": "path", "default": FACTS_PATH},
}
