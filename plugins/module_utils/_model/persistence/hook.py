# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvirt's hook for QEMU domains: none starts without the devices that are on record for it."""

from __future__ import annotations

from .paths import MARK, PROGRAM

_TEXT = """#!/bin/sh
{mark}
# A start is refused by an exit status; of all else a domain that runs would die (libvirt.org/hooks.html, reconnect).
[ "${{2:-}} ${{3:-}}" = "prepare begin" ] || exit 0
python={python}
program={program}
if [ ! -x "$python" ] || [ ! -r "$program" ]; then
    echo "kvm.hostdev: the devices of domain $1 were not looked at, as $python or $program is missing" >&2
    exit 0
fi
exec "$python" -I "$program" hook "$@"
"""


def hook(python: str) -> str:
    """The text of the hook. Where it can't look, libvirt goes by managed='no', and refuses what has no VFIO driver."""
    return _TEXT.format(mark=MARK, python=_quoted(python), program=PROGRAM)


def _quoted(word: str) -> str:
    """A word of sh as it stands."""
    return "'" + word.replace("'", "'\\''") + "'"
