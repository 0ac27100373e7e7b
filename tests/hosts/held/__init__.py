# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be true of the facts of any host, computed here anew from what was recorded, a file for each subject."""
