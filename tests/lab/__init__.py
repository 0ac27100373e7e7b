# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated passthrough host: real kernel, VFIO, IOMMU groups and SR-IOV, on a machine that has none of it."""

from __future__ import annotations

from .machine import Lab
from .say import LabError

__all__ = ["Lab", "LabError"]
