# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that others recorded, in the forms that they use, as inventories of the collection."""

from .finding import recorded, recordings

__all__ = ["recorded", "recordings"]
