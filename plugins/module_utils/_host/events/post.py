# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the timer starts: read the host, post its state, end. Of the host only the file of seen devices is written."""

from __future__ import annotations

import sys
import typing as t

from ..._model.errors import HostdevError
from ..._model.events.message import message
from ..._model.events.paths import SEEN, SETTINGS
from ..._model.events.settings import read_settings
from ..sysfs import Tree
from .seen_file import read_before, remember
from .sending import send
from .state import clock, read_state

if t.TYPE_CHECKING:
    from .state import Connected

_URI = "qemu:///system"
_ERROR, _WARNING = "<3>", "<4>"  # sd-daemon(3)


def connect() -> Connected:
    """Libvirt's domains, to be read only, or None and why not."""
    try:
        import libvirt
    except ImportError as error:
        return None, f"its Python binding is missing ({error})"
    from ..libvirt.domains import Domains

    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        return Domains(libvirt.openReadOnly(_URI), libvirt.libvirtError), ""
    except libvirt.libvirtError as error:
        return None, str(error)


def post(facts: str, tree: Tree | None = None, connected: t.Callable[[], Connected] = connect) -> int:
    """Post the state of the host, whose record is in the folder `facts`; returns the exit status."""
    tree = tree or Tree()
    try:
        text = tree.text(SETTINGS)
        if text is None:
            raise HostdevError(
                "not_posted",
                subject=SETTINGS,
                found="it is not there or can't be read",
                wanted="where to post",
                remedy="run the module host_events, or the role host, again",
            )
        settings = read_settings(text)
        before = read_before(tree)
        if before.damage:
            told = f"{SEEN}: {before.damage}; it is begun anew, and what has come or gone meanwhile is not told"
            sys.stderr.write(f"{_WARNING}{told}\n")
        state = read_state(tree, facts, connected(), before.seen, clock())
        forgotten = remember(tree, before, state.seen)
        send(message(state, settings), settings, tree)
        if forgotten:
            raise forgotten
    except HostdevError as error:
        sys.stderr.write(f"{_ERROR}{' '.join(error.message.split())}\n")
        return 1
    return 0
