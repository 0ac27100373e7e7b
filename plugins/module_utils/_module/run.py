# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Running a module: the one place where errors become fail_json, and where the host's objects are put together."""

from __future__ import annotations

import gc
import os
import traceback
import typing as t

from .._host.binding.binder import Binder
from .._host.binding.sysfs_writer import SysfsWriter
from .._host.binding.vf_settings import KernelLinks, VfSettings
from .._host.record.record_file import RecordFile
from .._host.sysfs import Tree
from .._host.system import System
from .._model.errors import HostdevError, one_line
from .libvirt import check_local, connect

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

FACTS_PATH = "/etc/ansible/facts.d"
URI = "qemu:///system"


def run(module: AnsibleModule, work: t.Callable[[AnsibleModule], dict[str, t.Any]]) -> t.NoReturn:
    """Do the work and exit with its result; every HostdevError ends as one failed result with all its parts."""
    gc.disable()  # what a module reads of a host it keeps to its end: looking for garbage only takes time
    try:
        result = work(module)
    except HostdevError as error:
        module.fail_json(msg=error.message, error=error.as_result())
    except Exception as error:  # a defect of ours, or a host unlike any we know: say so, with the place
        module.fail_json(
            msg=f"Unexpected {type(error).__name__}: {one_line(str(error))}. "
            "This is a bug in kvm.hostdev; please report it.",
            exception=traceback.format_exc(),
        )
    finally:
        gc.enable()
    module.exit_json(**result)
    raise AssertionError("exit_json came back")  # pragma: no cover


def changing_system(module: AnsibleModule, *, needs_libvirt: bool) -> tuple[System, RecordFile]:
    """The host's objects for a module that changes it. Raises HostdevError when it must not or cannot."""
    uri = module.params["uri"]
    check_local(uri)
    if os.geteuid() != 0:
        raise HostdevError(
            "not_root",
            subject="this task",
            found=f"it runs as user id {os.geteuid()}",
            wanted="root: only root may bind drivers and write the record",
            remedy="set become: true",
        )
    tree = Tree()
    connection, _reason = connect(module, uri, required=needs_libvirt)
    return (
        System(
            tree,
            connection.domains if connection is not None else None,
            Binder(tree, SysfsWriter(tree), lambda name: load_module(module, name)),
            os.environ,
            VfSettings(tree, KernelLinks()),
        ),
        RecordFile(module.params["facts_path"]),
    )


def load_module(module: AnsibleModule, name: str) -> bool:
    """Load a kernel module by its name or its driver's; says whether that worked."""
    modprobe = module.get_bin_path("modprobe", opt_dirs=["/sbin", "/usr/sbin"])
    if modprobe is None:
        return False
    return bool(module.run_command([modprobe, "--", name])[0] == 0)
