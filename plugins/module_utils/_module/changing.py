# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of a host that is to be changed."""

from __future__ import annotations

import os
import typing as t

from .._host.binding.binder import Binder
from .._host.binding.sysfs_writer import SysfsWriter
from .._host.binding.vf_settings import KernelInterfaces, VfSettings
from .._host.change.host import ChangingHost
from .._host.libvirt.changes import DomainChanges
from .._host.libvirt.removal_events import RemovalEvents
from .._host.record.record_file import RecordFile
from .._host.sysfs import Tree
from .._model.errors import HostdevError
from .libvirt import check_local, connect, find_binding

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .libvirt import Libvirt


def changing_system(module: AnsibleModule, *, needs_libvirt: bool) -> tuple[ChangingHost, RecordFile]:
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
    find_binding(module)
    connection, _reason = connect(module, uri, required=needs_libvirt)
    return (
        ChangingHost(
            tree,
            None if connection is None else _domains(connection),
            os.environ,
            Binder(tree, SysfsWriter(tree), lambda name: load_module(module, name)),
            VfSettings(tree, KernelInterfaces()),
        ),
        RecordFile(module.params["facts_path"]),
    )


def _domains(libvirt: Libvirt) -> DomainChanges:
    events = RemovalEvents(libvirt.binding, libvirt.uri)
    return DomainChanges(libvirt.handle, libvirt.error, reopen=libvirt.reopen, events=events)


def load_module(module: AnsibleModule, name: str) -> bool:
    """Load a kernel module by its name or its driver's; says whether that worked."""
    modprobe = module.get_bin_path("modprobe", opt_dirs=["/sbin", "/usr/sbin"])
    if modprobe is None:
        return False
    return bool(module.run_command([modprobe, "--", name])[0] == 0)
