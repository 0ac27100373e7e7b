# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made-up devices, inventories and domains for tests of the model."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Holding, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding, PciDevice, VfOf
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import DomainUse, HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request, parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import OTHER_UUID, UUID

WEB = Owner("domain", UUID, "web1")
DB = Owner("domain", OTHER_UUID, "db1")
DPDK = Owner("name", "dpdk0", "dpdk0")

PERMIT_ALL = AllowList(None)
VFIO = Binding("vfio-pci", "vfio-pci")


def device(address: str, **fields: t.Any) -> PciDevice:
    """An Intel NIC with a driver, alone in the IOMMU group of its bus number, unless said otherwise."""
    made: dict[str, t.Any] = {
        "path": f"/sys/devices/pci0000:00/{address}",
        "stable_path": f"stable-{address}",
        "vendor_id": "8086",
        "product_id": "10d3",
        "class_id": "020000",
        "driver": "e1000e",
        "iommu_group": int(address.split(":")[1], 16),
        "reset_methods": ("flr",),
    }
    if fields.get("driver") == "vfio-pci":
        made.update(vfio=True, driver_override="vfio-pci")
    made.update(fields)
    return PciDevice(address, **made)


def pf(address: str, *vfs: str, **fields: t.Any) -> PciDevice:
    """A physical function with these VFs."""
    made = {"product_id": "10c9", "driver": "igb", "total_vfs": 7, "virtual_functions": vfs}
    return device(address, **{**made, **fields})


def vf(address: str, parent_pf: str, **fields: t.Any) -> PciDevice:
    """A virtual function, in a group of its own."""
    bus, slot, function = (int(part, 16) for part in address[5:].replace(".", ":").split(":"))
    made = {
        "product_id": "10ca",
        "driver": "igbvf",
        "physical_function": parent_pf,
        "iommu_group": 1000 + bus * 256 + slot * 8 + function,
    }
    return device(address, **{**made, **fields})


def host(**fields: t.Any) -> HostFacts:
    made: dict[str, t.Any] = {
        "kernel_release": "6.12.48",
        "kernel": (6, 12),
        "boot_id": "boot-1",
        "iommu": True,
        "iommu_reason": "on: dmar0",
        "vfio_present": True,
    }
    return HostFacts(**{**made, **fields})


def inventory(
    *devices: PciDevice,
    host_uses: t.Sequence[HostUse] = (),
    domain_uses: t.Mapping[str, t.Sequence[DomainUse]] | None = None,
    part_uses: t.Iterable[tuple[str, DomainUse]] = (),
    **host_fields: t.Any,
) -> Inventory:
    """A host with these functions; a VF is told by its PF where that is among them."""
    vfs = {vf: VfOf(pf.identity, number) for pf in devices for number, vf in enumerate(pf.virtual_functions)}
    devices = tuple(device._replace(vf_of=vfs.get(device.address)) for device in devices)
    return Inventory(host(**host_fields), devices, host_uses=host_uses, domain_uses=domain_uses, part_uses=part_uses)


def use(
    owner: Owner = WEB, *, via: str = "hostdev", config: bool = True, live: bool = False, node: str = ""
) -> DomainUse:
    return DomainUse(owner.label, owner.id, via, active=live, config=config, live=live, node=node)


def holding(address: str, request: str | None = "nic", **fields: t.Any) -> Holding:
    """What was claimed of `device(address)` when it had its own driver."""
    made: dict[str, t.Any] = {
        "identity": device(address).identity,
        "original": Binding("e1000e", None),
        "attach": ("config", "live") if request else (),
    }
    return Holding(address, request, **{**made, **fields})


def claim(owner: Owner, *holdings: Holding, requests: t.Mapping[str, t.Mapping[str, t.Any]] | None = None) -> Claim:
    """A claim whose requests ask for any NIC, as many as there are, unless said otherwise."""
    if requests is None:
        names = sorted({held.request for held in holdings if held.request is not None})
        requests = {
            name: {
                "name": name,
                "count": sum(1 for held in holdings if held.request == name),
                "specs": [{"class": "02"}],
            }
            for name in names
        }
    read = {name: Request.from_dict(request) for name, request in requests.items()}
    return Claim(owner, read, {held.address: held for held in holdings})


def requests(*entries: dict[str, t.Any]) -> tuple[Request, ...]:
    return parse_requests(list(entries), {})


def allow(*specs: dict[str, t.Any]) -> AllowList:
    return AllowList(parse_device_specs(list(specs), "device_spec"))


def domain(config: str | None, live: str | None = None, owner: Owner = WEB) -> Domain:
    return Domain(
        owner.label,
        owner.id,
        None if config is None else parse_layout(config),
        None if live is None else parse_layout(live),
    )
