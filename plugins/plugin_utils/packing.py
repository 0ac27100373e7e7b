# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of a task: Ansible's own, without its search for garbage."""

from __future__ import annotations

import gc
import multiprocessing
import typing as t

from ansible.plugins.action.normal import ActionModule as NormalAction


class PackedAction(NormalAction):
    """What runs any module, for one of this collection's.

    To find what a module imports, Ansible parses each of its files, and leaves trees that refer to themselves
    (`ModuleDepFinder` in ansible/executor/module_common.py). While it packs a hundred files the collector runs some
    two hundred times, twice through all that Ansible has loaded: a tenth of a whole task, and in vain, since the
    worker process ends with its task.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if multiprocessing.parent_process() is not None:
            gc.disable()
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        return result
