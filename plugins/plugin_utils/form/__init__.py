# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forms: from the answers that somebody gave in AWX to what a module is asked for, and what a tenant may ask for."""
