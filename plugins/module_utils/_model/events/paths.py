# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where what posts a host's state lies on it, and the line by which a file is told to be ours."""

from __future__ import annotations

from ..persistence.paths import FOLDER, UNITS

SERVICE = "kvm-hostdev-events.service"
TIMER = "kvm-hostdev-events.timer"
SERVICE_FILE, TIMER_FILE = f"{UNITS}/{SERVICE}", f"{UNITS}/{TIMER}"
TIMER_LINK = f"{UNITS}/timers.target.wants/{TIMER}"
"""The link by which the host's start brings the timer along."""

SETTINGS = f"{FOLDER}/events.conf"

STATE_NAME = "kvm.hostdev"
"""What systemd calls the folder of SEEN (systemd.exec(5), StateDirectory=)."""
STATE = f"/var/lib/{STATE_NAME}"
SEEN = f"{STATE}/seen.json"
"""The devices that were there when the state was posted the last time."""

MARK = "# Made by kvm.hostdev.host_events, which replaces and removes it as a whole."
