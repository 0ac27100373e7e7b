# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Units, udev rules and what else runs at boot, and the scripts that those name."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.scripts import instance_of, script_makers, scripts_named, unit_maker

if t.TYPE_CHECKING:
    from ...._model.sriov.makers.maker import PfNames, Source, VfMaker
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


def makers(files: Files, pf: PfNames) -> t.Iterator[VfMaker]:
    seen: set[str] = set()
    for path in _instances(files):
        yield from _named(path, pf)
        template = files.source(path)
        if template is not None:
            seen.add(files.tree.real(path))
            yield from script_makers(instance_of(template), pf)
    for path in _paths(files):
        yield from _named(path, pf)
        source = _once(files, path, seen)
        if source is not None:
            yield from script_makers(source, pf)
            for script in _scripts(files, source, seen):
                yield from script_makers(script, pf)


def _named(path: str, pf: PfNames) -> t.Iterator[VfMaker]:
    unit = unit_maker(path, pf)
    if unit is not None:
        yield unit


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


def _scripts(files: Files, source: Source, seen: set[str]) -> t.Iterator[Source]:
    """What it calls, but not what that calls in turn."""
    for path in scripts_named(source.text):
        script = _once(files, path, seen)
        if script is not None:
            yield script


def _once(files: Files, path: str, seen: set[str]) -> Source | None:
    """Units are linked from several places; of a template with instances these were read."""
    real = files.tree.real(path)
    if real in seen:
        return None
    seen.add(real)
    return files.source(path)
