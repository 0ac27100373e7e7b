# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the results of all tasks as one JSON list at the end, as callbacks for programs do."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: pci_report_document
type: stdout
short_description: Print the results as one document
description: Prints the results of all tasks as one JSON list at the end.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "pci_report_document"

    def __init__(self) -> None:
        super().__init__()
        self._results: list[t.Any] = []

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._results.append(json.loads(self._dump_results(result._result)))

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._display.display(json.dumps(self._results))
