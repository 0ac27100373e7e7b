# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets each ansible-playbook of a session find the modules that an earlier one has packed, as it would itself."""

from __future__ import annotations

from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: packed
type: aggregate
short_description: Keeps packed modules
description:
  - Keeps packed modules in the folder C(packed) beside that of this file.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible lives in another environment
    """Packs nothing itself: Ansible looks for them in a folder that each run has of its own."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "packed"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        packed = Path(__file__).parents[1] / "packed"
        Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache").symlink_to(packed)  # executor/module_common.py
