# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms in which hosts are recorded, a file for each.

Each has `is_one`, which tells it by its content, and `read`, which makes a `Recording`, or `lay_out`, which makes a
tree of sysfs that `trees.read` reads.
"""
