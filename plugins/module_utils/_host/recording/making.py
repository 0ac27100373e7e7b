# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a recording of a host: all that facts and decisions read of it is read once, and kept.

Nothing is read that `pci_facts` and the modules that change a host do not read in check mode.
"""

from __future__ import annotations

import secrets
import typing as t
from dataclasses import asdict, replace

from ..._model.host.device import UNREADABLE
from ..._model.host.uses import DomainUse, HostUse
from ..._model.recording import anonymous as told_of
from ..._model.recording.files import kept, vital_product_data
from ..._model.recording.pseudonyms import Pseudonyms, Same
from ..._model.recording.recording import Recording
from ..._model.sriov.unmanaged import NETWORK_PATH, RULES_PATH
from ..reading.definitions import KEPT_BY_LIBVIRT
from ..reading.host_facts import machine_id, read_host
from ..reading.iommu_groups import reserved_memory
from ..reading.module_aliases import ModuleAliases
from ..reading.pci.functions import read_devices
from ..reading.pci.ids import read_pci_ids
from ..reading.pci.serials import vpd_serial
from ..reading.usb_scsi import read_usb_and_scsi
from ..usage.processes.mediated import mdev_parents
from .excerpts import of_aliases, of_builtin, of_ids
from .noting import NotingTree
from .of_libvirt import serials_of

if t.TYPE_CHECKING:
    from ..._model.binders.fighter import Fighter
    from ..._model.host.device import PciDevice
    from ..._model.host.vf_state import VfState
    from ..._model.recording.recording import RecordedLibvirt
    from ..._model.sriov.makers.maker import VfMaker
    from ..._model.sriov.state import PfState
    from ..sysfs import Tree
    from ..system import System

Noted = t.Mapping[str, t.Any]


class Host(t.NamedTuple):
    """What is recorded: a host, what libvirt told of it (None with the reason), and its record's text.

    `name` is the host's own, `vf_states` tells the states of some VFs, `pf_states` those of some PFs, `recorded_at` is
    the time now.
    """

    system: System
    libvirt: RecordedLibvirt | None
    libvirt_reason: str
    record: str | None
    name: str
    vf_states: t.Callable[[t.Any, t.Iterable[str]], t.Mapping[str, VfState]]
    pf_states: t.Callable[[t.Iterable[str]], t.Mapping[str, PfState]]
    recorded_at: str


def record_host(host: Host, *, anonymous: bool) -> Recording:
    """The recording. Raises HostdevError where libvirt answers no more."""
    tree = NotingTree(host.system.tree)
    devices = _read(tree)
    names = Pseudonyms(secrets.token_bytes(32)) if anonymous else Same()
    inventory = host.system.inventory()
    uses, parts = inventory.all_host_uses, inventory.all_part_uses
    if isinstance(names, Pseudonyms):
        _learn(names, host, tree, devices)
    vfs = [device.address for device in devices if device.physical_function is not None]
    states = host.vf_states(inventory, vfs) if vfs else {}
    pfs = [device.address for device in devices if device.total_vfs]
    machine = secrets.token_hex(16)
    tree.note("/etc/machine-id", machine.encode())
    reason = "it could not be asked" if anonymous else host.libvirt_reason
    return Recording(
        tree=_Files(names, devices).of("", tree.noted),
        uses=tuple(HostUse(**told_of.use(asdict(use), names)) for use in uses),
        part_uses=tuple((address, DomainUse(**told_of.part_use(asdict(use), names))) for address, use in parts),
        vf_states={
            address: replace(state, interface=names.interface(state.interface)) for address, state in states.items()
        },
        pf_states={address: told_of.pf_state(state, names) for address, state in host.pf_states(pfs).items()},
        vf_makers=_vf_makers(host.system.tree, pfs, names),
        binders=tuple(told_of.binder(fighter, names) for fighter in _binders(host.system.tree)),
        libvirt=None if host.libvirt is None else _libvirt(host.libvirt, names),
        libvirt_reason=reason if host.libvirt is None else "",
        record=_record(host, machine, names),
        recorded_at=host.recorded_at,
        anonymous=anonymous,
    )


def _binders(tree: Tree) -> tuple[Fighter, ...]:
    from ..reading.binders.binders import read_binders

    return read_binders(tree).fighters


def _vf_makers(tree: Tree, pfs: t.Iterable[str], names: Same) -> dict[str, tuple[VfMaker, ...]]:
    """By PF who else makes its VFs: what was found in files that may have secrets, and not the files."""
    from ..reading.vf_makers.vf_makers import pf_names, read_vf_makers

    found = {pf: read_vf_makers(tree, pf_names(tree, pf)).makers for pf in pfs}
    return {pf: tuple(told_of.vf_maker(maker, names) for maker in makers) for pf, makers in found.items() if makers}


def _read(tree: NotingTree) -> list[PciDevice]:
    """Have all read that anyone may ask for, and return the functions."""
    devices = read_devices(tree, details=True)
    facts = read_host(tree)
    reserved_memory(tree, devices)
    read_pci_ids(tree, devices)
    aliases = ModuleAliases(tree, facts.kernel_release)
    for device in devices:
        aliases.vfio_driver(device)
        for name in aliases.candidates(device):
            tree.exists(f"/sys/bus/pci/drivers/{name}")
        if device.total_vfs:
            tree.number(f"/sys/bus/pci/devices/{device.address}/sriov_drivers_autoprobe")
        # These a child has read, that nobody has to wait for.
        if device.driver_override not in (None, UNREADABLE):
            tree.note(f"{device.path}/driver_override", str(device.driver_override).encode())
    for node in read_usb_and_scsi(tree).values():
        if node.capability == "usb_device" and node.fields.get("serial"):
            tree.note(f"{node.path}/serial", str(node.fields["serial"]).encode())
    for driver in {device.driver for device in devices if device.total_vfs}:
        tree.exists(f"/sys/module/{driver}/parameters/max_vfs")
    tree.names(KEPT_BY_LIBVIRT)
    for path in (RULES_PATH, NETWORK_PATH):
        tree.text(path)
    mdev_parents(tree)
    return devices


def _learn(names: Pseudonyms, host: Host, tree: NotingTree, devices: t.Iterable[PciDevice]) -> None:
    """Tell what is to be renamed wherever it stands, before anything is."""
    serials = {*serials_of(host.libvirt, host.record)}
    for device in devices:
        serials.update(filter(None, (device.serial, device.pcie_serial)))
        serials.update(child.attributes.get("serial", "") for child in device.children)
    for node in read_usb_and_scsi(tree).values():
        serials.update(str(node.fields[key]) for key in ("serial", "wwid") if node.fields.get(key))
    # Udev's serial of a disk has the disk's own in it: that comes first.
    for serial in sorted(serials, key=lambda text: (len(text), text)):
        names.serial(serial)
    interfaces = {child.name for device in devices for child in device.children if child.kind == "net"}
    for interface in sorted(interfaces.union(host.system.tree.names("/sys/class/net"))):
        names.interface(interface)
    for name in dict.fromkeys([host.name, host.name.partition(".")[0]]):
        names.known("host", name)


class _Files:
    """What was noted of files, as a recording has it."""

    def __init__(self, names: Same, devices: t.Collection[PciDevice]) -> None:
        self._names, self._devices = names, devices
        self._nvlink = {device.path for device in devices if device.manages_fabric}

    def of(self, path: str, folder: Noted) -> dict[str, t.Any]:
        """A folder with all below it."""
        made: dict[str, t.Any] = {}
        for name, noted in folder.items():
            below = f"{path}/{name}"
            told = self._names.text(name)
            if isinstance(noted, dict):
                made[told] = self.of(below, noted)
            elif isinstance(noted, str):
                made[told] = ["link", "/".join(self._names.text(part) for part in noted.split("/"))]
            else:
                made[told] = None if noted is None else self._file(below, noted)
        return made

    def _file(self, path: str, data: bytes) -> t.Any:
        folder, _slash, name = path.rpartition("/")
        if name == "vpd":
            serial = self._names.serial(vpd_serial(data) or "")
            data = vital_product_data(serial, manages_nvlink=folder in self._nvlink)
        elif name == "modules.alias":
            data = of_aliases(data.decode("utf-8", "replace"), self._devices).encode()
        elif name == "modules.builtin.modinfo":
            data = of_builtin(data.decode("utf-8", "replace"), self._devices).encode()
        elif name == "pci.ids":
            data = of_ids(data.decode("utf-8", "replace"), self._devices).encode()
        content = kept(path, data, self._names)
        if content is None:
            return None
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return ["bytes", content.hex()]
        return ["bytes", content.hex()] if "\0" in text else text


def _libvirt(libvirt: RecordedLibvirt, names: Same) -> RecordedLibvirt:
    from ..._model.recording.guest_xml import domain_xml, node_device_xml

    domains = [
        replace(
            domain,
            name=names.name("domain", domain.name),
            uuid=names.text(domain.uuid),
            config=None if domain.config is None else domain_xml(domain.config, names),
            live=None if domain.live is None else domain_xml(domain.live, names),
        )
        for domain in libvirt.domains
    ]
    nodes = [(names.text(name), node_device_xml(xml, names)) for name, xml in libvirt.node_devices]
    return replace(libvirt, domains=tuple(domains), node_devices=tuple(nodes))


def _record(host: Host, machine: str, names: Same) -> str | None:
    """The record's text, of the machine whose id the recording has."""
    if host.record is None:
        return None
    made = machine_id(t.cast("t.Any", _IdOnly(machine)))
    return told_of.record(host.record, names, {machine_id(host.system.tree): made})


class _IdOnly:
    """A tree that has a machine's id and nothing else."""

    def __init__(self, machine: str) -> None:
        self._machine = machine

    def text(self, _path: str) -> str:
        return self._machine
