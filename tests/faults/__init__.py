# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every effect of every change made to fail, to hang, or to end in SIGKILL, and what the next run makes of it."""
