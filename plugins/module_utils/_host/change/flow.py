# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of a claim and of a release, from the lock to the closed journal."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ..._model.address import address_order
from ..._model.availability.pools import pools
from ..._model.availability.status import Standing
from ..._model.claims.claim import Owner
from ..._model.claims.identity import as_claimed, held_device
from ..._model.claims.usb_scsi import held_node
from ..._model.errors import HostdevError
from ..._model.guards.usb_scsi import NodeHost
from ..._model.guest.machine import machine_warnings
from ..._model.guest.numa import numa_cells
from ..._model.plan.attaching import check_networks, waiting
from ..._model.plan.diff import domain_diff, drivers_diff, settings_diff
from ..._model.plan.planner import make_plan
from ..._model.plan.root_ports import ports_waiting
from ..._model.plan.usb_scsi import number_warnings, with_node_steps
from ..._model.plan.vf_settings import note_originals, with_settings
from ..._model.requests.wish import FAIL
from ..._model.selection.give_back import give_back
from ..._model.selection.matching import Guest, affinity_warnings, policy_warnings
from ..._model.selection.select import select
from ..._model.selection.usb_scsi import select_nodes
from ..reading.host_facts import read_host
from ..reading.module_aliases import ModuleAliases
from ..reading.usb_scsi import read_usb_and_scsi
from ..record.lock import LOCK, locked
from .outcome import Outcome
from .stubborn_guest import Insisting
from .transaction import Transaction

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Claim
    from ..._model.claims.tracker import Tracker
    from ..._model.guest.domain import Domain
    from ..._model.host.inventory import Inventory
    from ..._model.plan.plan import Plan
    from ..._model.plan.usb_scsi import Nodes
    from ..._model.plan.vf_settings import VfState
    from ..._model.record.schema import Record
    from ..._model.requests.allow_list import AllowList
    from ..._model.requests.request import Request
    from ..._model.requests.wish import ClaimWish, ReleaseWish
    from ..record.record_file import RecordFile
    from .host import ChangingHost


class Flow:
    """Claims and releases on one host. With `check_mode` nothing is written, not even the lock."""

    def __init__(
        self,
        system: ChangingHost,
        file: RecordFile,
        *,
        check_mode: bool,
        lock_path: str = LOCK,
        lock_timeout: float = 60.0,
        detach_timeout: float = 30.0,
        on_detach_timeout: str = FAIL,
    ) -> None:
        self._system = system
        self._file = file
        self._check_mode = check_mode
        self._lock_path = lock_path
        self._lock_timeout = lock_timeout
        self._detach_timeout = detach_timeout
        self._on_detach_timeout = on_detach_timeout

    def claim(self, wish: ClaimWish) -> Outcome:
        """Make the owner's claim serve the requests. Raises HostdevError with the host as it was."""
        outcome = Outcome()
        with self._opened(outcome, f"claim for {wish.domain or wish.owner}") as (record, domains, inventory):
            domain = None if wish.domain is None else self._find(domains, wish.domain)
            owner = _owner(domain, wish.owner)
            wish.allow_list.check(inventory)
            outcome.warnings.extend(_idle(wish.allow_list, inventory, record.tracker))
            places = wish.attach if domain is not None else ()
            guest = _guest(domain, wish.numa_cells, inventory)
            after = select(
                inventory,
                record.tracker,
                owner,
                [request for request in wish.requests if request.node is None],
                wish.allow_list,
                wish.terms,
                attach=places,
                guest=guest,
            )
            before = record.tracker.claim_of(owner)
            check_networks(inventory, after)
            vf_states = self._vf_states(inventory, before, after)
            after = note_originals(after, vf_states)
            nodes = self._nodes(record.tracker, wish.requests)
            host = NodeHost(nodes, inventory, domains, record.tracker)
            after = select_nodes(host, before, after, wish.requests, wish.terms, attach=places)
            new = [inventory.devices[address] for address in after.holdings if address not in before.holdings]
            outcome.warnings.extend([*policy_warnings(wish.requests, guest, owner), *affinity_warnings(new, guest)])
            outcome.warnings.extend(machine_warnings(domain, new) if places else ())
            aliases = ModuleAliases(self._system.tree, inventory.host.kernel_release)
            plan = make_plan(
                "claim",
                inventory,
                before,
                after,
                domain=domain,
                managed=wish.managed,
                vfio_driver=aliases.vfio_driver,
                vf_states=vf_states,
                free_root_ports=wish.free_root_ports,
            )
            plan = with_node_steps(plan, nodes, domain)
            outcome.warnings.extend(number_warnings(plan))
            if domain is not None:
                outcome.warnings.extend([*waiting(inventory, domain, after), *ports_waiting(domain, plan)])
            self._carry_out(plan, record, domain, inventory, outcome)
            if self._system.domains is None:
                outcome.warnings.append(
                    "libvirt could not be asked: a device may be in the definition of a domain that does not run"
                )
            outcome.warnings.extend(
                f"{address} has no reset method: it keeps what one guest left in it for the next"
                for address in after.holdings
                if address in inventory.devices and inventory.devices[address].reset_methods == ()
            )
        return outcome

    def release(self, wish: ReleaseWish) -> Outcome:
        """Give devices back to the host. What nobody holds is no error: it is released already."""
        outcome = Outcome()
        whose = wish.domain or wish.owner or ("orphans" if wish.orphans else ", ".join(wish.addresses))
        with self._opened(outcome, f"release for {whose}") as (record, domains, inventory):
            for claim in self._released(wish, record.tracker, domains, outcome):
                domain = next((one for one in domains if one.uuid == claim.owner.id), None)
                if self._system.domains is None and (
                    any(held.attach for held in claim.holdings.values())
                    or any(held.attach for held in claim.node_devices.values())
                ):
                    raise HostdevError(
                        "no_libvirt",
                        subject=str(claim.owner),
                        found="no connection to libvirt",
                        wanted="one, to detach the devices: the domain may be running with them",
                        remedy="start libvirt on the host, and see that its Python binding is installed",
                    )
                after = give_back(inventory, claim, names=wish.names, addresses=wish.addresses)
                vf_states = self._vf_states(inventory, claim, after, release=True)
                plan = make_plan("release", inventory, claim, after, domain=domain, vf_states=vf_states)
                nodes = self._nodes(record.tracker)
                plan = with_node_steps(plan, nodes, domain)
                self._carry_out(plan, record, domain, inventory, outcome)
                outcome.warnings.extend(
                    f"{address} is only taken from the record: the device of {claim.owner} is no longer there"
                    for address, held in claim.holdings.items()
                    if address not in after.holdings and held_device(inventory, held) is None
                )
                outcome.warnings.extend(
                    f"{name} is only taken from record and domain: the device of {claim.owner} is no longer there"
                    for name, held in claim.node_devices.items()
                    if name not in after.node_devices and held_node(nodes, held) is None
                )
                outcome.warnings.extend(
                    f"{address} only came along with its IOMMU group: release the devices that are in it for a request"
                    for address in wish.addresses
                    if address in after.holdings and claim.holdings[address].request is None
                )
                outcome.warnings.extend(
                    f"{address} stays bound as a group member: a mate in its IOMMU group stays with {claim.owner}"
                    for address, held in after.holdings.items()
                    if held.request is None and claim.holdings[address].request is not None
                )
                inventory = self._system.inventory() if not self._check_mode else inventory
            self._clean(wish, record, domains, outcome)
        return outcome

    def _clean(self, wish: ReleaseWish, record: Record, domains: t.Sequence[Domain], outcome: Outcome) -> None:
        """Give one-time-use devices back into use where the wish says that they are clean; else say that they wait."""
        given_back = {
            address
            for plan in outcome.plans
            for address, held in plan.before.holdings.items()
            if held.one_time_use and address not in plan.after.holdings
        }
        if not wish.cleaned:
            outcome.warnings.extend(
                f"{address} is for one-time use: nobody gets it until it is released with cleaned: true"
                for address in sorted(given_back, key=address_order)
            )
            return
        uuids = {domain.uuid for domain in domains if domain.name == wish.domain}
        owners = {("name", wish.owner), *(("domain", one) for one in (wish.domain, *uuids))}
        for address, one in record.tracker.waiting.items():
            if address in wish.addresses or owners & {
                (one.owner.kind, one.owner.id),
                (one.owner.kind, one.owner.label),
            }:
                given_back.add(address)
        outcome.cleaned = sorted(given_back, key=address_order)
        if given_back & record.tracker.waiting.keys() and not self._check_mode:
            for address in given_back:
                record.tracker.waiting.pop(address, None)
            self._file.write(record)

    @contextlib.contextmanager
    def _opened(self, outcome: Outcome, doing: str) -> t.Iterator[tuple[Record, list[Domain], Inventory]]:
        """Lock, record, settled journal, domains and inventory; `doing` is told to who waits for the lock."""
        lock = (
            contextlib.nullcontext()
            if self._check_mode
            else locked(self._system.tree.local(self._lock_path), seconds=self._lock_timeout, doing=doing)
        )
        with lock:
            record = self._file.read()
            self._mend_record(outcome)
            if record.journal is not None and self._check_mode:
                outcome.warnings.append(
                    f"an interrupted {record.journal.plan.operation} of {record.journal.plan.after.owner} is on "
                    "record; a run without check mode settles it first"
                )
            elif record.journal is not None:
                settled, *notes = self._transaction(record).recover(read_host(self._system.tree).boot_id) or [""]
                outcome.recovered = True
                outcome.warnings.extend([f"{settled}, found in {self._file.path}", *notes])
            domains = self._system.domains.all() if self._system.domains is not None else []
            record.tracker.relabel({domain.uuid: domain.name for domain in domains})
            inventory = self._system.inventory(domains)
            record.boot_id = inventory.host.boot_id
            yield record, domains, inventory
            outcome.warnings.extend(self._file.notes)

    def _mend_record(self, outcome: Outcome) -> None:
        """Make an executable record a plain file again, since fact gathering would run it."""
        mode = self._file.executable()
        if mode is not None:
            path, outcome.mended = self._file.path, True
            done = "a run without check mode makes it 0644" if self._check_mode else "it is 0644 now"
            outcome.warnings.append(f"{path} was executable, so that fact gathering would run it: {done}")
            outcome.diff.append(
                {"before_header": path, "after_header": path, "before": f"mode={mode}\n", "after": "mode=0644\n"}
            )
        if not self._check_mode:
            self._file.mend()

    def _find(self, domains: t.Sequence[Domain], wanted: str) -> Domain:
        if self._system.domains is not None:
            self._system.domains.check_hypervisor()
        for domain in domains:
            if wanted in (domain.name, domain.uuid):
                return domain
        if self._system.domains is not None:
            return self._system.domains.find(wanted)
        raise HostdevError(
            "no_libvirt",
            subject=f"domain {wanted}",
            found="no connection to libvirt",
            wanted="a connection, since the claim is for a domain",
            remedy="start libvirt on the host, or set owner instead to claim without a domain",
        )

    def _released(
        self, wish: ReleaseWish, tracker: Tracker, domains: t.Sequence[Domain], outcome: Outcome
    ) -> list[Claim]:
        """The claims that the wish touches."""
        claims = list(tracker)
        if wish.orphans:
            if self._system.domains is None:
                raise HostdevError(
                    "no_libvirt",
                    subject="orphans",
                    found="no connection to libvirt",
                    wanted="libvirt's word on which domains no longer exist",
                    remedy="start libvirt on the host",
                )
            alive = {domain.uuid for domain in domains}
            claims = [claim for claim in claims if claim.owner.kind == "domain" and claim.owner.id not in alive]
        if wish.domain is not None:
            uuids = {domain.uuid for domain in domains if wish.domain in (domain.name, domain.uuid)}
            uuids = uuids or {claim.owner.id for claim in claims if wish.domain in (claim.owner.label, claim.owner.id)}
            if not uuids:
                outcome.warnings.append(f"there is no domain {wish.domain}, and no claim of one")
            claims = [claim for claim in claims if claim.owner.kind == "domain" and claim.owner.id in uuids]
        elif wish.owner is not None:
            claims = [claim for claim in claims if claim.owner.kind == "name" and claim.owner.id == wish.owner]
        if wish.addresses and not wish.names:
            claims = [claim for claim in claims if not claim.holdings.keys().isdisjoint(wish.addresses)]
        return claims

    def _carry_out(
        self, plan: Plan, record: Record, domain: Domain | None, inventory: Inventory, outcome: Outcome
    ) -> None:
        """Run the plan unless in check mode, and add it to the outcome with its diff."""
        after = None
        if plan.changed and not self._check_mode:
            insisting = Insisting(self._on_detach_timeout, self._system.domains, inventory)
            try:
                plan = self._transaction(record).run(plan, insisting)
            except HostdevError as error:
                raise insisting.told(error) from error
            outcome.warnings.extend(insisting.warnings)
            outcome.stopped.extend(insisting.stopped)
            plan = replace(plan, after=record.tracker.claim_of(plan.after.owner))
            if domain is not None and self._system.domains is not None:
                after = self._system.domains.find(domain.uuid)
        outcome.plans.append(plan)
        outcome.diff.extend([*drivers_diff(plan), *settings_diff(plan)])
        if domain is not None:
            outcome.diff.extend(domain_diff(plan, domain, after))

    def _transaction(self, record: Record) -> Transaction:
        if self._system.binder is None:
            raise ValueError("a system without a binder cannot be changed")
        return Transaction(
            self._file,
            record,
            self._system.binder,
            self._system.domains,
            pools=self._free_pools,
            nodes=lambda: read_usb_and_scsi(self._system.tree),
            detach_timeout=self._detach_timeout,
            vf_settings=self._system.vf_settings,
        )

    def _nodes(self, tracker: Tracker, requests: t.Sequence[Request] = ()) -> Nodes:
        """The USB and SCSI devices; none are read where nobody holds or wants any."""
        wanted = any(request.node is not None for request in requests) or any(one.node_devices for one in tracker)
        return read_usb_and_scsi(self._system.tree) if wanted else {}

    def _vf_states(
        self, inventory: Inventory, before: Claim, after: Claim, *, release: bool = False
    ) -> dict[str, VfState]:
        """What PFs have of the VFs whose settings change; a release looks at none but those that it gives back."""
        addresses = with_settings(before, after)
        if release:
            addresses = [address for address in addresses if address not in after.holdings]
        settings = self._system.vf_settings
        return {} if settings is None else settings.states(inventory, addresses)

    def _free_pools(self, tracker: Tracker) -> list[dict[str, t.Any]]:
        inventory = self._system.inventory()
        return pools(inventory, filter(Standing(inventory, tracker).claimable, inventory.devices))


def _guest(domain: Domain | None, cells: frozenset[int] | None, inventory: Inventory) -> Guest:
    """Where the owner runs: as told, else as the domain's XML binds it, of a running one as it runs."""
    nodes = inventory.host.numa_nodes
    layout = None if domain is None else domain.live or domain.config
    if cells is None:
        cells = numa_cells(layout.xml, nodes) if layout is not None else frozenset()
    return Guest(cells, {number: node.socket for number, node in nodes.items()})


def _idle(allow_list: AllowList, inventory: Inventory, tracker: Tracker) -> list[str]:
    """Warnings of entries of the allow list that count for nothing; a held device counts as what it was."""
    held = {address: one for claim in tracker for address, one in claim.holdings.items()}
    devices = (as_claimed(device, held.get(address)) for address, device in inventory.devices.items())
    return allow_list.resolved(inventory, held).idle(devices)


def _owner(domain: Domain | None, name: str | None) -> Owner:
    if domain is not None:
        return Owner("domain", domain.uuid, domain.name)
    return Owner("name", name or "", name or "")
