# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many simulated hosts, of which many claim devices at once by ansible-runner, so that no device has two owners."""
