# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is started again and again, each time changed at random, and what came back of its claims."""
