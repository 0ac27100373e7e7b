# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments for a module's main(): ansible-core's own helper, and its like for 2.18, which has none."""

from __future__ import annotations

import contextlib
import json
import typing as t
from unittest import mock

from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:

    @contextlib.contextmanager
    def patch_module_args(args: t.Mapping[str, t.Any] | None = None) -> t.Iterator[None]:
        """What ansible-core 2.18 reads: the arguments as JSON."""
        text = json.dumps({"ANSIBLE_MODULE_ARGS": args or {}}).encode()
        with mock.patch.object(basic, "_ANSIBLE_ARGS", text):
            yield


__all__ = ["patch_module_args"]
