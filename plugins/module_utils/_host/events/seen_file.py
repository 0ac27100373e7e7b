# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of devices that were seen: read once in a run, and written where devices have come or gone."""

from __future__ import annotations

import json
import os
import typing as t

from ..._model.errors import HostdevError
from ..._model.events.paths import SEEN
from ..._model.events.seen import read_seen
from ..boot.own_files import replace
from ..record.trusted import UntrustedError, open_trusted

if t.TYPE_CHECKING:
    from ..._model.events.seen import Seen
    from ..sysfs import Tree

_MOST = 1 << 22


class SeenBefore(t.NamedTuple):
    """The devices that were there the last time, None where nobody knows: at the first look, and where `damage` says
    what is wrong with the file, which is begun anew.
    """

    seen: Seen | None = None
    damage: str = ""


def read_before(tree: Tree) -> SeenBefore:
    """What the file holds. It is read as one that only root can have written, and no more than 4 MiB of it."""
    try:
        with os.fdopen(open_trusted(tree.local(SEEN), os.O_RDONLY), "rb") as file:
            data = file.read(_MOST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return SeenBefore()
    except UntrustedError as error:
        return SeenBefore(damage=error.found)
    except OSError as error:
        return SeenBefore(damage=error.strerror or str(error))
    if len(data) > _MOST:
        return SeenBefore(damage=f"it is larger than {_MOST >> 20} MiB")
    try:
        seen = read_seen(json.loads(data))
    except (ValueError, RecursionError):
        seen = None
    return SeenBefore(seen, "it is no list of seen devices" if seen is None else "")


def remember(tree: Tree, before: SeenBefore, seen: Seen) -> HostdevError | None:
    """Have it in the file. Returns why it is not: no reason to tell nothing of the host.

    A damaged file is removed first: a link is not followed, and an owner or mode that is not root's not kept.
    """
    if seen == before.seen:
        return None
    local = tree.local(SEEN)
    try:
        if before.damage:
            os.unlink(local)
        replace(local, json.dumps(seen.as_dict(), indent=1).encode(), 0o644)
    except OSError as error:
        return HostdevError(
            "not_posted",
            subject=SEEN,
            found=error.strerror or str(error),
            wanted="a file that root can write, to know new devices by; all else was posted",
            remedy="free space or make it writable; the timer tries again",
        )
    return None
