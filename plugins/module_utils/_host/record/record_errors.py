# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of a record that is gone or can't be understood; `known` says what is in its copy, None of a bad one."""

from __future__ import annotations

import os
import shlex

from ..._model.errors import HostdevError


def missing(path: str, copy_path: str, known: str | None) -> HostdevError:
    """The record is gone, and its copy is there."""
    quoted, copy = shlex.quote(path), shlex.quote(copy_path)
    restore, forget = f"cp -p {copy} {quoted}", f"rm {copy}"
    return HostdevError(
        "record_missing",
        subject=path,
        found=f"it is gone, but its copy {copy_path} is there ({known or 'which is no good either'})",
        wanted="both, or none of them on a host where nothing was ever claimed",
        remedy=f"to go back to the copy: {restore}; if all that was claimed was given back by hand: {forget}",
        details={"commands": {"restore": restore, "forget": forget}},
    )


def all_gone(path: str) -> HostdevError:
    """The record is gone with its copy, on a host where something of it was to come back."""
    return HostdevError(
        "record_missing",
        subject=path,
        found="it is gone, and so is its copy",
        wanted="the record, which says what comes back when the host is started",
        remedy="put it back from a backup of the host; if nothing is to come back, run the playbook "
        "kvm.hostdev.reconcile, which removes what asks for it",
    )


def of_another_machine(path: str, copy_path: str, found: str, here: str) -> HostdevError:
    """The record was written on another machine, of which this one may be a clone."""
    files = f"{shlex.quote(path)} {shlex.quote(copy_path)}"
    forget = f"rm {files}"
    keep = f"sed -i s/{found}/{here}/ {files}"
    return HostdevError(
        "record_of_another_machine",
        subject=path,
        found=f"it was written on another machine (machine_id {found}), as in a cloned image or a backup",
        wanted=f"machine_id {here}, which this machine's /etc/machine-id makes",
        remedy=f"where this is a clone, forget the record: {forget}; where it is the same host with a new id, keep it: "
        + keep,
        details={"commands": {"forget": forget, "keep": keep}},
    )


def unreadable(path: str, copy_path: str, known: str | None, *, found: str, wanted: str) -> HostdevError:
    """The record can't be read or understood."""
    quoted, copy = shlex.quote(path), shlex.quote(copy_path)
    aside = f"mv {quoted} {quoted}.broken"
    if known is not None:
        commands = {"restore": f"{aside} && cp -p {copy} {quoted}"}
        does = f"to go back to its last good copy ({known}) and keep this one for a look: {commands['restore']}"
    else:
        also = f" && mv {copy} {copy}.broken" if os.path.lexists(copy_path) else ""
        commands = {"forget": aside + also}
        does = (
            "mend it, or restore it from a backup; there is no good copy; to begin without any claim and keep "
            f"this one for a look: {commands['forget']}"
        )
    return HostdevError(
        "record_unreadable",
        subject=path,
        found=found,
        wanted=wanted,
        remedy=f"it was left as it is; {does}",
        details={"commands": commands},
    )
