# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free pcie-root-port controllers in a definition: a hot-plugged PCIe device needs one that was there at the start."""

from __future__ import annotations

import typing as t

from ...errors import HostdevError
from ...guest.domain import LIVE
from ...guest.pci_xml import guest_place
from ..steps import RootPortsStep, of_kind
from .leaving import layout_after

if t.TYPE_CHECKING:
    from ...guest.domain import Domain, DomainLayout
    from ...host.inventory import Inventory
    from ..plan import Plan
    from ..steps import HostdevStep, Step


def root_ports_step(
    inventory: Inventory, domain: Domain, steps: t.Iterable[Step], entering: t.Iterable[HostdevStep], wanted: int
) -> RootPortsStep | None:
    """What the definition lacks for `wanted` root ports to be free once the steps are done; None when it has them.

    Indexes follow the largest one, since they are the guest's bus numbers and those in use must stay.
    """
    layout = domain.config
    if layout is None or layout.free_root_ports is None:
        raise HostdevError(
            "no_pcie_root",
            subject=f"ensure_root_ports for domain {domain.name}",
            found="it is transient and has no definition" if layout is None else "its machine type has no PCIe root",
            wanted="a definition with a PCIe machine type, such as q35",
            remedy="leave ensure_root_ports out"
            + ("" if layout is None else ": such a domain takes devices into conventional slots"),
        )
    missing = wanted - _left_free(inventory, layout, [*steps, *entering])
    if missing <= 0:
        return None
    before = tuple(sorted(index for index, model in layout.controllers.items() if model == "pcie-root-port"))
    first = max(layout.controllers) + 1
    return RootPortsStep(domain.name, domain.uuid, before, (*before, *range(first, first + missing)))


def _left_free(inventory: Inventory, layout: DomainLayout, steps: t.Sequence[Step]) -> int:
    """How many root ports are free once the steps are done, less than 0 where libvirt has to add some itself.

    A conventional device is put behind a bridge. Where there is none libvirt adds a pcie-to-pci-bridge, which is behind
    a root port itself and takes all others of the kind (src/conf/domain_addr.c, virDomainPCIAddressSetGrow).
    """
    then = layout_after(layout, steps)
    choosing = [address for address, assigned in then.assigned.items() if address in inventory.devices]
    choosing = [address for address in choosing if guest_place(then.assigned[address].element) is None]
    express = sum(1 for address in choosing if inventory.devices[address].express)
    bridge = 1 if express < len(choosing) and not then.conventional_slots else 0
    # Where libvirt would add a port as the bus of an address that is asked for it may find one of ours.
    new = len({at.bus for at in then.places} - then.controllers.keys())
    return len(then.free_root_ports or ()) - express - bridge - new


def ports_waiting(domain: Domain, plan: Plan) -> list[str]:
    """A warning where the plan gives root ports to the definition of a domain that runs without them."""
    added = sum(len(step.after) - len(step.before) for step in of_kind(plan.steps, RootPortsStep))
    if not added or not domain.active:
        return []
    return [f"domain {domain.name} runs: its {added} new root ports take effect at its next start"]


def _is_express(inventory: Inventory, step: Step) -> bool:
    return step.address is not None and step.address in inventory.devices and inventory.devices[step.address].express


def check_slots(
    inventory: Inventory, domain: Domain, entering: t.Sequence[HostdevStep], leaving: t.Sequence[Step]
) -> None:
    """Refuse before anything is done what libvirt would refuse in the middle with "No more available PCI slots"."""
    layout = domain.live
    if layout is None or not entering:
        return
    express = [step.address for step in entering if inventory.devices[step.address].express]
    conventional = [step.address for step in entering if not inventory.devices[step.address].express]
    freed = sum(1 for step in leaving if step.place == LIVE and _is_express(inventory, step))
    if layout.free_root_ports is not None and len(express) > len(layout.free_root_ports) + freed:
        raise HostdevError(
            "no_free_root_port",
            subject=f"domain {domain.name}",
            found=f"{len(layout.free_root_ports) + freed} free pcie-root-port controllers in the running domain",
            wanted=f"{len(express)}, one for each of {', '.join(express)}",
            remedy="set ensure_root_ports with requests: [], or add <controller type='pci' model='pcie-root-port'/> to "
            f"its <devices> once for each with 'virsh edit {domain.name}', then stop and start it; or set attach to "
            "[config], which takes effect at its next start",
        )
    if conventional and not layout.conventional_slots:
        raise HostdevError(
            "no_pci_bridge",
            subject=f"domain {domain.name}",
            found="no PCI bridge with hot-plug slots in the running domain",
            wanted=f"one for the conventional PCI device{'s' if len(conventional) > 1 else ''} "
            + ", ".join(conventional),
            remedy="add <controller type='pci' model='pcie-to-pci-bridge'/> to its <devices> with "
            f"'virsh edit {domain.name}', then stop and start it; or set attach to [config], which takes effect at "
            "its next start",
        )
