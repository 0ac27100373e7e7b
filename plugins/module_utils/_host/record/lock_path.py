# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lock of a host is."""

from __future__ import annotations

# Not in /run/lock: on Debian every user may make files there, and so have one under this name first.
LOCK = "/run/kvm.hostdev.lock"
