# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recording module's work: asks the host, and writes what it told into one file."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import typing as t

from .._host.binding.iproute import Iproute
from .._host.binding.pf_states import PfStates
from .._host.binding.vf_settings import VfSettings
from .._host.libvirt.domains import Domains
from .._host.reading.pci.functions import DEVICES
from .._host.record.record_reader import FILE_NAME
from .._host.recording.file import as_bytes
from .._host.recording.making import Host, record_host
from .._host.recording.of_libvirt import ask_libvirt
from .._host.sysfs import Tree
from .._host.system import System
from .._model.errors import HostdevError
from .libvirt import connect

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from .._model.host.inventory import Inventory
    from .._model.host.vf_state import VfState
    from .._model.sriov.state import PfState
    from .libvirt import Libvirt

_LARGEST_RECORD = 1 << 24


def recording(module: AnsibleModule) -> dict[str, t.Any]:
    """The recording module's work; changes nothing of the host but the file that it writes."""
    options = module.params
    libvirt, reason = None, "not asked for (libvirt: none)"
    if options["libvirt"] != "none":
        libvirt, reason = connect(options["uri"], required=options["libvirt"] == "required")
    tree = Tree()
    host = Host(
        System(tree, None if libvirt is None else Domains(libvirt.handle, libvirt.error), os.environ),
        None if libvirt is None else _asked(libvirt),
        reason,
        _record(options["facts_path"]),
        os.uname().nodename,
        lambda inventory, addresses: _vf_states(tree, inventory, addresses),
        lambda addresses: dict(_pf_states(tree, addresses)),
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    made = record_host(host, anonymous=options["anonymous"])
    content = as_bytes(made)
    if not module.check_mode:
        _write(options["dest"], content)
    domains = 0 if made.libvirt is None else len(made.libvirt.domains)
    count = len(tree.names(DEVICES))
    done = "would be recorded" if module.check_mode else "recorded"
    return {
        "changed": True,
        "msg": f"{done}: {count} PCI functions and {domains} domains in {len(content) / 1000:.0f} kB"
        + ("" if options["anonymous"] else "; not anonymous"),
        "dest": options["dest"],
        "size": len(content),
        "functions": count,
        "domains": domains,
        "anonymous": options["anonymous"],
        "libvirt_reason": reason,
    }


def _asked(libvirt: Libvirt) -> t.Any:
    try:
        return ask_libvirt(libvirt.handle, libvirt.error)
    except libvirt.error as error:
        raise HostdevError(
            "no_libvirt",
            subject="libvirt",
            found=str(error),
            wanted="all domains and node devices",
            remedy="see the journal of libvirtd or virtqemud on the host, or record without it by libvirt: none",
        ) from error


def _record(folder: str) -> str | None:
    """The record's text as it is: also one that can't be understood belongs into the report of a bug."""
    try:
        with open(os.path.join(folder, FILE_NAME), "rb") as file:
            return file.read(_LARGEST_RECORD).decode("utf-8", "replace")
    except OSError:
        return None


def _vf_states(tree: Tree, inventory: Inventory, addresses: t.Iterable[str]) -> dict[str, VfState]:
    """What PFs tell of their VFs; of a PF that can't tell, nothing."""
    settings, states = VfSettings(tree, Iproute("ip")), {}
    by_pf: dict[str | None, list[str]] = {}
    for address in addresses:
        by_pf.setdefault(inventory.devices[address].physical_function, []).append(address)
    for vfs in by_pf.values():
        try:
            told = settings.states(inventory, vfs)
        except HostdevError:
            continue
        states.update({address: told[address] for address in vfs if address in told})
    return states


def _pf_states(tree: Tree, addresses: t.Iterable[str]) -> t.Iterator[tuple[str, PfState]]:
    """What PFs are like, but for those that can't be asked."""
    states = PfStates(tree, Iproute("ip"), Iproute("devlink"))
    for address in addresses:
        with contextlib.suppress(HostdevError):
            yield address, states.state(address, eswitch=True)


def _write(path: str, content: bytes) -> None:
    """Write the file for its owner alone, whole or not at all. Raises HostdevError."""
    made = None
    try:
        handle, made = tempfile.mkstemp(dir=os.path.dirname(path) or ".")  # of mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(made, path)
    except OSError as error:
        if made is not None:
            with contextlib.suppress(OSError):
                os.unlink(made)
        raise HostdevError(
            "recording_unwritable",
            subject=f"dest {path}",
            found=error.strerror or str(error),
            wanted="a file in a folder that is there and has room",
            remedy="give another dest",
        ) from error
