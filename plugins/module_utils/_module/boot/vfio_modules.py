# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of vfio_modules."""

from __future__ import annotations

import typing as t

from ..._host.boot.initramfs import Initramfs, generator_of
from ..._host.boot.kernels import other_softdeps, read_kernels
from ..._host.boot.own_files import OwnFiles
from ..._host.boot.programs import Programs
from ..._host.boot.vfio_at_boot import VfioAtBoot
from ..._host.record.lock import locked
from ..._host.sysfs import Tree
from ..._model.boot.modules import (
    SHOWN,
    built_in_warnings,
    check_names,
    chosen_modules,
    softdep_lines,
)
from ..._model.boot.vfio_files import MODPROBE, OF_INITRAMFS, files_for
from ..._model.boot.words import Doing, modules_told
from ..._model.errors import HostdevError, one_line
from .own_files import check_root, unwritable

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.boot.modules import Kernel
    from ..._model.boot.vfio_files import File


LOCK = "/run/kvm.hostdev.vfio_modules.lock"


def vfio_modules(module: AnsibleModule) -> dict[str, t.Any]:
    """Have vfio loaded at boot, or no longer by us."""
    check_root()
    if module.check_mode:
        return _work(module)
    with locked(LOCK, seconds=module.params["lock_timeout"], doing="a change of what is loaded at boot"):
        return _work(module)


def _work(module: AnsibleModule) -> dict[str, t.Any]:
    tree, check = Tree(), bool(module.check_mode)
    files, programs, kernels = OwnFiles(tree, check=check), Programs(tree), read_kernels(tree)
    at_boot = VfioAtBoot(tree, files, check=check)
    at_boot.check_ours()
    releases = [kernel.release for kernel in kernels]
    wanted, warnings, generator = _wanted(module.params, tree, kernels, programs)
    if generator is None and at_boot.had_initramfs:
        # Where it is only taken out: what our files had put into an initramfs that is no more needs no rebuild.
        try:
            generator = generator_of(tree, programs)
        except HostdevError as error:
            warnings.append(f"vfio may still be in an initramfs: {error.message}")
    initramfs = None if generator is None else Initramfs(tree, programs, files, generator)
    if initramfs is not None:
        initramfs.check(releases)
    try:
        rebuilt = at_boot.apply(wanted, initramfs, releases)
    except OSError as error:
        raise unwritable(error) from error
    for warning in warnings:
        module.warn(one_line(warning))
    reboot_needed = bool({MODPROBE, *OF_INITRAMFS} & {*files.changed}) or rebuilt or at_boot.since_boot()
    doing = Doing(bool(files.changed), module.params["state"] == "absent", check)
    result = {
        "changed": doing.changed,
        "msg": modules_told(doing, files.changed, rebuilt=rebuilt, reboot_needed=reboot_needed),
        "files": sorted(wanted),
        "initramfs": {"generator": generator, "rebuilt": rebuilt},
        "kernels": {kernel.release: {name: kernel.state(name) for name in SHOWN} for kernel in kernels},
        "reboot_needed": reboot_needed,
    }
    return {**result, "diff": files.diff} if module._diff else result


def _wanted(
    options: t.Mapping[str, t.Any], tree: Tree, kernels: t.Sequence[Kernel], programs: Programs
) -> tuple[dict[str, File], list[str], str | None]:
    """The files that are to be there, warnings, and which generator an initramfs with vfio is of."""
    if options["state"] == "absent":
        return {}, [], None
    natives = check_names(options["softdeps"], "softdeps")
    modules, warnings = chosen_modules(kernels, check_names(options["modules"], "modules"))
    settings = {name: value for name, value in (options["options"] or {}).items() if value is not None}
    warnings += built_in_warnings(kernels, natives, sorted(settings))
    for native, others in sorted(other_softdeps(tree, natives, MODPROBE).items()):
        warnings.append(
            f"{', '.join(others)} has a softdep of {native} too: only that counts whose file's name sorts first"
        )
    generator = generator_of(tree, programs) if options["initramfs"] else None
    return files_for(modules, softdep_lines(kernels, natives), settings, generator), warnings, generator
