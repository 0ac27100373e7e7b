# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The forms in which hosts are recorded, a file for each.

A form of texts has `is_one(text)` and `read(name, text)`.
"""
