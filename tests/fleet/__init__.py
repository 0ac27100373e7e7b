# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many simulated hosts, driven by ansible-runner: who claims what of them at once, and that no device has two owners."""
