# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The systemd units that post a host's state: a service that does so once, and a timer that repeats it."""

from __future__ import annotations

from ..persistence.paths import PROGRAM
from ..persistence.units import word
from .paths import MARK, SERVICE_FILE, STATE_NAME, TIMER_FILE


def service_unit(python: str) -> str:
    """Of files outside /dev and /proc only those in the folder of what was seen can be written (systemd.exec(5)).

    ProtectKernelTunables= leaves most of /sys writable, which ReadOnlyPaths= does not.
    Its capabilities are those by which root reads configuration spaces, what processes of others have open, and what
    netlink tells of other network namespaces and to administrators alone. ProtectKernelModules= would hide which
    drivers there are. The program bounds each answer it waits for; where a file of the kernel keeps it waiting, systemd
    ends it.
    """
    return f"""{MARK}
[Unit]
Description=Post the state of PCI devices (kvm.hostdev)
Wants=network-online.target
After=network-online.target libvirtd.service virtqemud.service

[Service]
Type=oneshot
TimeoutStartSec=90
Nice=10
StateDirectory={STATE_NAME}
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ReadOnlyPaths=/sys
ProtectControlGroups=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_NET_ADMIN
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
ExecStart={word(python)} -I {PROGRAM} events
"""


def timer_unit(every: int) -> str:
    """`every` is a number of seconds. Hosts that were started together do not all post at once."""
    return f"""{MARK}
[Unit]
Description=Post the state of PCI devices every {every} seconds (kvm.hostdev)

[Timer]
OnActiveSec=10
OnUnitActiveSec={every}
AccuracySec=1
RandomizedDelaySec={min(every // 10, 30)}

[Install]
WantedBy=timers.target
"""


def event_units(python: str, every: int) -> dict[str, str]:
    """Both by their paths."""
    return {SERVICE_FILE: service_unit(python), TIMER_FILE: timer_unit(every)}
