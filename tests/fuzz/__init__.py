# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs by the million for all that reads what others wrote: options, XML, the record, what the kernel tells."""
