# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module kernel_arguments: from its options to a request, and from what came of that to its result."""

from __future__ import annotations

import os
import typing as t

from ..._host.boot.kernel_arguments import ArgumentRequest, change_arguments
from ..._host.boot.loaders.loader import BootHost
from ..._host.boot.mounts import Mounts
from ..._host.boot.own_files import OwnFiles
from ..._host.boot.programs import Programs
from ..._host.record.lock import locked
from ..._host.sysfs import Tree
from ..._model.boot.arguments import check_arguments
from ..._model.boot.words import Doing, arguments_told
from ..._model.errors import HostdevError

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

LOCK = "/run/kvm.hostdev.kernel_arguments.lock"


def kernel_arguments(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's work."""
    options = module.params
    request = ArgumentRequest(
        check_arguments(options["arguments"]),
        absent=options["state"] == "absent",
        exclusive=options["exclusive"],
        replace=options["contradictions"] == "replace",
        check=module.check_mode,
    )
    _check_request(request)
    host = boot_host(check=request.check)
    if request.check:
        outcome = change_arguments(host, request)
    else:
        with locked(LOCK, seconds=options["lock_timeout"], doing="a change of the kernel's arguments"):
            outcome = change_arguments(host, request)
    for note in outcome.notes:
        module.warn(note)
    doing = Doing(outcome.changed, request.absent, request.check)
    result = {
        "changed": outcome.changed,
        "msg": arguments_told(doing, request.arguments, outcome.loader, reboot_needed=outcome.reboot_needed),
        "loader": outcome.loader,
        "files": list(outcome.files),
        "present": list(outcome.present),
        "reboot_needed": outcome.reboot_needed,
    }
    return {**result, "diff": list(outcome.diff)} if module._diff else result


def boot_host(*, check: bool) -> BootHost:
    """This host."""
    tree = Tree()
    programs = Programs(tree)
    return BootHost(tree, OwnFiles(tree, check=check), programs, Mounts(tree, programs, check=check))


def _check_request(request: ArgumentRequest) -> None:
    if not request.absent and not request.exclusive and not request.arguments:
        raise HostdevError(
            "invalid_option",
            subject="arguments",
            found="found none",
            wanted="the arguments that are to be there",
            remedy="name them, or set state=absent",
        )
    if request.absent and request.exclusive:
        raise HostdevError(
            "invalid_option",
            subject="exclusive",
            found="found it together with state=absent",
            wanted="it with state=present alone",
            remedy="leave it out",
        )
    if os.geteuid():
        raise HostdevError(
            "not_root",
            subject="this task",
            found=f"it runs as user id {os.geteuid()}",
            wanted="root, who alone may write what the host boots from",
            remedy="set become: true",
        )
