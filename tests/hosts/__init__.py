# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that others recorded, in the forms that they use, held against what the collection makes of them."""
