# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The udev rules follow cards that have come to another slot: the old place's rule would hold a stranger back there."""

from __future__ import annotations

import typing as t

from ..._model.persistence.paths import RULES
from ..._model.persistence.rules import rules
from ..boot.own_files import OwnFiles

if t.TYPE_CHECKING:
    from ..._model.claims.tracker import Tracker
    from ..sysfs import Tree


def have_rules_follow(tree: Tree, tracker: Tracker) -> str | None:
    """Have the rules as the record asks for them, where there are any; a warning where they can't be written.

    udev sees by itself that the file is another one, and only the next start of the host needs it.
    """
    text = rules(tracker)
    if text is None or not tree.exists(RULES):
        return None
    try:
        OwnFiles(tree).write(RULES, text.encode())
    except OSError as error:
        return f"{RULES} still names the former slots of cards that have moved: it can't be written ({error})"
    return None
