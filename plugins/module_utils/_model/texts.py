# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of mappings that is given as a text: from a survey, or from the command line."""

from __future__ import annotations

import json
import typing as t

from .errors import HostdevError


def read_list(value: object, path: str) -> object:
    """The list in a text that begins as JSON does, as surveys and command lines give one; any other value as it is.

    Raises HostdevError with code invalid_option for a text that is no JSON all the same.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return t.cast("object", json.loads(value))
    except (ValueError, RecursionError) as error:
        raise HostdevError(
            "invalid_option",
            subject=path,
            found=f"found a text that begins as JSON and is none ({error})",
            wanted="a list of mappings",
            remedy="write names and texts in double quotes; on the command line give it as "
            f"-e '{{\"NAME\": [...]}}', or as a file, -e @FILE, where NAME is the variable that becomes {path}",
        ) from error
