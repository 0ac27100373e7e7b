# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command that dies with the process that started it: leash.py PARENT COMMAND ARGUMENT...

A test run that is killed has no chance to stop its lab; the kernel does it then.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):  # it died before the line above
        sys.exit(1)
    os.execv(sys.argv[2], sys.argv[2:])
