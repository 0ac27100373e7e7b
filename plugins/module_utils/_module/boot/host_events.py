# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of host_events."""

from __future__ import annotations

import sys
import typing as t

from ..._host.persistence.events_keeping import FILES, EventsKeeper, persist_error
from ..._host.sysfs import Tree
from ..._model.boot.words import Doing
from ..._model.errors import HostdevError, one_line
from ..._model.events.settings import parse_settings
from ..change.persisting import source
from ..libvirt import find_binding
from .own_files import check_root

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def host_events(module: AnsibleModule) -> dict[str, t.Any]:
    """Have the host post its state, or not."""
    check_root()
    options = module.params
    present = options["state"] == "present"
    settings = parse_settings(options) if present else None
    if present:
        find_binding(module)  # so that the unit runs with the Python that has it
    try:
        diff = EventsKeeper(Tree(), source, sys.executable).keep(settings, check=module.check_mode)
    except HostdevError as error:
        raise persist_error(error) from error
    doing = Doing(bool(diff), not present, module.check_mode)
    what = "events" if settings is None else f"events to {settings.url} every {settings.every} s"
    files = list(FILES) if present else []
    result = {"changed": doing.changed, "msg": one_line(doing.words(what, ())), "files": files}
    return {**result, "diff": diff} if module._diff else result
