# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All targets."""

from __future__ import annotations

from . import boot, damage, kernel, options, record, xml

TARGETS = (
    *options.TARGETS,
    *xml.TARGETS,
    *record.TARGETS,
    *damage.TARGETS,
    *kernel.TARGETS,
    *boot.TARGETS,
)
