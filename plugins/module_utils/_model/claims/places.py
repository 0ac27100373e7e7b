# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in its domain a held device is attached, as the record has it."""

from __future__ import annotations

from .. import forms

# The words of guest.domain.PLACES.
ATTACH_FORM = forms.listed(forms.one_of("config", "live"))
