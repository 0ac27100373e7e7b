# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where in its domain a held device is attached, and since and until when it is held, as the record has it."""

from __future__ import annotations

import typing as t

from .. import forms

# The words of guest.domain.PLACES.
_PLACES = ["config", "live"]


def _attach_form(value: object, path: str) -> None:
    """Each place at most once, the definition first."""
    _LISTED(value, path)
    if value != [place for place in _PLACES if place in t.cast("list[str]", value)]:
        raise forms.wrong(path, value, "config, live, or config and then live")


_LISTED = forms.listed(forms.one_of(*_PLACES))
ATTACH_FORM = _attach_form
TIMES: t.Mapping[str, forms.Check] = {"since": forms.moment, "until": forms.moment}
