# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes each task's result as a line of JSON, for what runs a playbook and must look at its results.

It also lets ansible-playbook find the modules that an earlier one has packed, as it would pack them itself: for a claim
that takes two seconds, and there are a hundred playbooks.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: results
type: notification
short_description: Writes task results as JSON lines
description:
  - Appends C({task, status, result, seconds}) for each result to the file named by the environment variable
    E(KVM_HOSTDEV_RESULTS).
  - Keeps packed modules in the folder named by E(KVM_HOSTDEV_PACKED).
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible lives in another environment
    """One line for each task and host."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._begun: dict[tuple[str, str], float] = {}
        # Ansible looks for them in a folder that each run has of its own (executor/module_common.py).
        Path(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache").symlink_to(os.environ["KVM_HOSTDEV_PACKED"])

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._begun[host.name, task._uuid] = time.monotonic()

    def _write(self, status: str, result: Any) -> None:
        now = time.monotonic()
        seconds = now - self._begun.get((result.host.name, result.task._uuid), now)  # a meta task begins nowhere
        line = {"task": result.task_name, "status": status, "result": result.result, "seconds": seconds}
        with open(os.environ["KVM_HOSTDEV_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, cls=AnsibleJSONEncoder) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write("skipped", result)
