# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labels of claims: what people say of them, by which limits tell them apart."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from ...values import is_unicode

TENANT = "tenant"
"""The label that says whose a claim is."""
EVERY_TENANT = "*"
"""What stands in place of a tenant for administrators, who may change every claim."""


def parse_labels(value: object, path: str = "labels", code: str = "invalid_option") -> dict[str, str]:
    """Read `{team: vision, tier: 2}`: names to texts. A number, true and false are kept as texts.

    Raises HostdevError with the code that is given.
    """
    if not isinstance(value, t.Mapping):
        raise _refused(code, path, value, "a mapping of names to values, such as {team: vision}")
    labels = {}
    for name, said in value.items():
        if not isinstance(name, str) or not name.strip() or not is_unicode(name):
            raise _refused(code, path, name, "labels with names that are texts")
        if isinstance(said, bool):
            said = str(said).lower()
        text = str(said) if isinstance(said, (str, int, float)) else ""
        if not text.strip() or not is_unicode(text):
            raise _refused(code, f"{path}.{name}", said, "a text or a number, which is no empty text")
        labels[name.strip()] = text.strip()
    return labels


def _refused(code: str, path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError(code, subject=path, found=f"found {value!r}", wanted=wanted)
