# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell functions that find the host's names of what functions carry, and the disks by short names."""

from __future__ import annotations

from tests.lab import topology

FUNCTIONS = """
disk() { basename /sys/bus/pci/devices/$1/nvme/nvme*/nvme*n1; }
below() { find /sys/bus/pci/devices/$1/ -path '*/block/sd?' -printf '%f\\n'; }
interface() { ls /sys/bus/pci/devices/$1/net; }
await() { for _second in $(seq 60); do "$@" && return; sleep 1; done; false; }
"""
DISKS = f"""{FUNCTIONS}
nvme=/dev/$(disk {topology.NVME}) slot=/dev/$(disk {topology.MULTIFUNCTION[2]}) numa=/dev/$(disk {topology.NUMA_NVME})
scsi=/dev/$(below {topology.SCSI_HBA}) usb=/dev/$(below {topology.USB_CONTROLLER})
"""
