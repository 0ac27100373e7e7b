# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adoption: what a host has that was given away by hand, read into the record."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.binders.fighter import of_maker
from ..._model.decision.adoption.adoption import Adoption
from ..._model.decision.adoption.claims import adopt_claims
from ..._model.decision.adoption.vfs import adopt_vfs, pfs_to_adopt
from ..._model.errors import HostdevError, few
from ..._model.sriov.wish import VfsWish
from ..reading.definitions import kept_by_libvirt

if t.TYPE_CHECKING:
    from ..._model.binders.fighter import Fighter
    from ..._model.claims.made_vfs import MadeVfs
    from ..._model.claims.tracker import Tracker
    from ..._model.decision.adoption.adoption import AdoptWish
    from ..._model.host.device import PciDevice
    from ..._model.record.record import Record
    from ..._model.snapshot import Snapshot
    from ..record.record_file import RecordFile
    from ..sysfs import Tree
    from .host import ChangingHost
    from .vfs import VfsRun

    Pools = t.Callable[[Tracker], list[dict[str, t.Any]]]

_RUNNING = "/run/libvirt/qemu"
"""Where libvirt keeps what it knows of guests that run (src/qemu/qemu_conf.c, stateDir)."""


class Adopting:
    """Reads what is to be adopted, and writes it down; `pools` counts the free devices once that is done."""

    def __init__(self, host: ChangingHost, file: RecordFile, pools: Pools) -> None:
        self._host = host
        self._file = file
        self._pools = pools

    def decide(self, snapshot: Snapshot, wish: AdoptWish, vfs_run: t.Callable[[], VfsRun]) -> Adoption:
        """All that is to be adopted, and what would do the same beside the record. Raises HostdevError.

        `wish` names domains as the user did: an unknown one is an error.
        """
        if self._host.domains is not None:
            self._host.domains.check_hypervisor()
            if wish.domains is not None:
                named = [self._host.domains.find(name, "name one of these in domains") for name in wish.domains]
                wish = replace(wish, domains=frozenset(domain.uuid for domain in named))
        elif wish.unattached_owner is not None:
            _check_no_domains(self._host.tree)
        claims = adopt_claims(snapshot, wish)
        binders = self._host.binders()
        vfs, told = self._vfs(snapshot, wish, vfs_run) if wish.vfs else ([], [])
        fighters = [*binders.fighters, *self._makers(snapshot)]
        warnings = [*claims.warnings, *told]
        if snapshot.domains is None:
            warnings.append("libvirt could not be asked: what domains have is not known")
        warnings += [f"{path} can't be read ({why}): what it does at boot is not known" for path, why in binders.unread]
        if wish.persist:
            warnings += [f"it acts at boot beside what is on record: {fighter}" for fighter in fighters]
        return Adoption(
            snapshot.inventory, claims.claims, tuple(vfs), claims.unattached, tuple(fighters), tuple(warnings)
        )

    def _vfs(
        self, snapshot: Snapshot, wish: AdoptWish, vfs_run: t.Callable[[], VfsRun]
    ) -> tuple[list[MadeVfs], list[str]]:
        adopted: list[MadeVfs] = []
        told: list[str] = []
        for device in pfs_to_adopt(snapshot):
            try:
                pf = vfs_run().pf(snapshot, device, VfsWish((), device.address), None, eswitch=True)
            except HostdevError as error:
                told.append(f"{device.num_vfs} VFs of {device.address} are not adopted: {error.message}")
                continue
            made, why = adopt_vfs(snapshot, wish, pf)
            told.extend([why] if why else [])
            adopted.extend([] if made is None else [made])
        return adopted, told

    def _makers(self, snapshot: Snapshot) -> list[Fighter]:
        """Who makes the VFs of the PFs that have some, or shall have."""
        on_record = {made.pf_in(snapshot.inventory) for made in snapshot.tracker.made_vfs.values()}
        pfs: list[PciDevice] = [
            device
            for address, device in snapshot.inventory.devices.items()
            if device.total_vfs and (device.num_vfs or address in on_record)
        ]
        fighters = [of_maker(maker, pf.address) for pf in pfs for maker in self._host.vf_makers(pf).makers]
        return list(dict.fromkeys(fighters))

    def write_down(self, adoption: Adoption, record: Record) -> None:
        """Raises HostdevError with the record as it was."""
        tracker = record.tracker
        adoption.put_into(tracker)
        # As where a claim is closed: what can't be counted is no reason to leave it.
        with contextlib.suppress(HostdevError):
            record.pools = self._pools(tracker)
        self._file.write(record)


def _check_no_domains(tree: Tree) -> None:
    """Refuse to give what no domain has to an owner, where libvirt could not be asked and has domains with devices."""
    named = sorted(kept_by_libvirt(tree))
    running = [name for name in tree.names(_RUNNING) if name.endswith(".xml")]
    if named or running:
        raise HostdevError(
            "no_libvirt",
            subject="unattached_owner",
            found="libvirt could not be asked which devices no domain has, and it has domains: "
            + few([*named, *(f"{_RUNNING}/{name}" for name in running)]),
            wanted="a connection to libvirt",
            remedy="see whether libvirtd or virtqemud runs on the host, and install its Python binding; or leave "
            "unattached_owner out",
        )
