# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's words for the kinds of node devices that can be claimed, apart from PCI functions."""

from __future__ import annotations

USB = "usb_device"
SCSI = "scsi"
