# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils.packing import PackedAction


class ActionModule(PackedAction):
    """Runs the module host_events."""
