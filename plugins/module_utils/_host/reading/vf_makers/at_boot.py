# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Units, udev rules and what else runs at boot, with the scripts that those name."""

from __future__ import annotations

import typing as t

from ...._model.persistence.paths import PROGRAM
from ...._model.sriov.makers.scripts import instance_of, scripts_named

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import Source
    from .files import Files

_FILES = (
    *("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/sysfs.conf", "/etc/network/interfaces", "/etc/crontab"),
    *("/var/spool/cron/crontabs/root", "/var/spool/cron/root"),
)
_FOLDERS = (
    *("/etc/sysfs.d", "/etc/network/interfaces.d", "/etc/network/if-pre-up.d", "/etc/network/if-up.d"),
    *("/etc/cron.d", "/etc/sysconfig/network-scripts", "/etc/NetworkManager/dispatcher.d"),
    *("/etc/NetworkManager/dispatcher.d/pre-up.d", "/etc/networkd-dispatcher/routable.d"),
)
_LAYERED = (
    ("systemd/system", ".service"),
    ("systemd/system", ".timer"),
    ("udev/rules.d", ".rules"),
    ("tmpfiles.d", ".conf"),
)


def run_at_boot(files: Files) -> t.Iterator[tuple[str, list[Source]]]:
    """The path of each file, with its text and the scripts that it calls; each text comes once.

    A template of units comes for each instance that is wanted, with what it says for that one.
    """
    seen: set[str] = set()
    for path in _instances(files):
        template = files.source(path)
        if template is not None:
            seen.add(files.tree.real(path))
        yield path, [] if template is None else [instance_of(template)]
    for path in _paths(files):
        yield path, called(files, path, seen)


def called(files: Files, path: str, seen: set[str]) -> list[Source]:
    """A file's text and the scripts that it calls, but not what those call in turn; none that was `seen`."""
    source = _once(files, path, seen)
    if source is None:
        return []
    scripts = (_once(files, named, seen) for named in scripts_named(source.text))
    return [source, *(script for script in scripts if script is not None)]


def _instances(files: Files) -> t.Iterator[str]:
    """Instances of templates: links in the folder of what wants them."""
    for folder in files.paths("/etc/systemd/system", ".wants"):
        yield from (path for path in files.paths(folder) if "@" in path)


def _paths(files: Files) -> t.Iterator[str]:
    for folder, suffix in _LAYERED:
        yield from files.layered(folder, suffix)
    for folder in files.paths("/etc/systemd/system", ".d"):
        yield from files.paths(folder, ".conf")
    yield from _FILES
    for folder in _FOLDERS:
        yield from files.paths(folder)


def _once(files: Files, path: str, seen: set[str]) -> Source | None:
    """Units are linked from several places; of a template with instances these were read. What is ours counts not."""
    real = files.tree.real(path)
    if real in seen or real == PROGRAM:
        return None
    seen.add(real)
    return files.source(path)
