# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what tasks return into the file that $ANSWERS names: a line of JSON each, with host, task, result, failure."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "answers"

    def v2_runner_on_ok(self, result):
        self._write(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, "failed")

    def _write(self, result, state):
        told = {
            "host": result.host.get_name() if hasattr(result, "host") else result._host.get_name(),
            "task": result.task_name,
            "state": state,
            "result": json.loads(self._dump_results(result.result if hasattr(result, "result") else result._result)),
        }
        with open(os.environ["ANSWERS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
