# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks that register everything in AWX: against the real argument specs of awx.awx, and a made API."""
