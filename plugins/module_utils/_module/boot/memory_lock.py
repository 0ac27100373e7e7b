# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of memory_lock."""

from __future__ import annotations

import os
import typing as t

from ..._host.boot.ours import check_ours
from ..._host.boot.own_files import OwnFiles
from ..._host.boot.programs import Programs
from ..._host.persistence.systemd import Systemd
from ..._host.sysfs import Tree
from ..._model.boot.memory_lock_files import MARK, SERVICES, drop_in, drop_in_path
from ..._model.boot.words import Doing, memory_lock_told
from .own_files import check_root, unwritable

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def memory_lock(module: AnsibleModule) -> dict[str, t.Any]:
    """Have the drop-ins, or none."""
    check_root()
    options = module.params
    tree = Tree()
    files, paths = OwnFiles(tree, check=module.check_mode), [drop_in_path(service) for service in SERVICES]
    check_ours({path: data for path in paths if (data := files.read(path)) is not None}, MARK)
    data = drop_in(options["limit"]) if options["state"] == "present" else None
    try:
        for path in paths:
            if data is not None:
                files.tidy(path)
                files.write(path, data)
            else:
                files.remove(path)
                # Nobody but whoever adds to a unit makes such a folder, and an empty one adds nothing.
                files.remove_folder(os.path.dirname(path))
    except OSError as error:
        raise unwritable(error) from error
    doing = Doing(bool(files.changed), data is None, module.check_mode)
    # A play that ended behind this task has left that to the next run. Where systemd can't say, it does no harm.
    unread = Systemd(tree, Programs(tree)).unread(*(f"{service}.service" for service in SERVICES))
    result = {
        "changed": doing.changed,
        "reload_needed": doing.changed or unread is not False,
        "msg": memory_lock_told(doing, None if data is None else options["limit"], SERVICES),
        "files": [] if data is None else paths,
    }
    return {**result, "diff": files.diff} if module._diff else result
