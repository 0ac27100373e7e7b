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
xml=$(cat)
status=missing
if [ -x "$python" ] && [ -r "$program" ]; then
    printf '%s\n' "$xml" | "$python" -I "$program" hook "$@"
    status=$?
fi
[ "$status" != 0 ] || exit 0
[ "$status" != {refused} ] || exit 1
# Nobody can tell whether the devices are those on record: libvirt would bind whatever is at their addresses by now.
case $xml in
*"<hostdev "* | *"type='hostdev'"* | *"<disk type='nvme'"*) ;;
*) exit 0 ;;
esac
echo "kvm.hostdev: $1 is not started: its devices can't be looked at ($python $program: $status)." \
    "Run kvm.hostdev.pci_reconcile, or remove $0 to have it start all the same" >&2
exit 1
"""

REFUSED = 3
"""The program's exit status that refuses a start with words of its own. A Python that is broken has others."""


def hook(python: str) -> str:
    """The text of the hook. Where it can't look, only domains without devices of the host start."""
    return _TEXT.format(mark=MARK, python=_quoted(python), program=PROGRAM, refused=REFUSED)


def _quoted(word: str) -> str:
    """A word of sh as it stands."""
    return "'" + word.replace("'", "'\\''") + "'"
