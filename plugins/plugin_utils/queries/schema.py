# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is in the facts, so that a misspelt field or value in a query is told from an answer that is empty.

A shape is a mapping of fields, a list with the shape of its items, a `Kind` of value, or `OPEN`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import GROUP_MEMBER, REQUESTED
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host import uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import OF_PF, VF_NUMBER
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.nodes.node_kinds import SCSI, USB
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.numa_policy import POLICIES

from .kinds import (
    ADDRESS,
    CAPABILITY,
    CLASS,
    COUNT,
    DECIMAL,
    FLAG,
    ID,
    MAC,
    NUMBER,
    REVISION,
    ROOT,
    SLOT,
    STATUS,
    TEXT,
    TYPE,
    Kind,
    words,
)

Shape = t.Any
OPEN: Shape = None
"""May be anything: somebody else chooses what is in it, or nobody can know it from the query alone."""

Fields = dict[str, Shape]


def _each(kind: Kind, names: str) -> Fields:
    return dict.fromkeys(names.split(), kind)


class _Having(Fields):
    """Fields of which some are there in each value, and not null."""

    def __init__(self, needed: str, fields: Fields) -> None:
        super().__init__(fields)
        self.needed = needed.split()


_CODE = words(*GUARDS, called="the code of a blocker, such as 'root_disk'")
_PLACES = ("config", "live")
_PLACE = words(*_PLACES)
OWNER: Fields = _Having("kind id label", {"kind": words("domain", "name"), "id": TEXT, "label": TEXT})
_BLOCKER: Fields = {
    "code": _CODE,
    "address": ADDRESS,
    "detail": TEXT,
    "override": words("group_members: claim", *(f"allow: [{code}]" for code in GUARDS), called="'allow: [CODE]'"),
    "remedy": TEXT,
}
BLOCKER: Fields = _Having("code", _BLOCKER)
_USE: Fields = {
    **_each(TEXT, "domain uuid"),
    "via": words("hostdev", "interface", uses.DISK, uses.PART, uses.MEDIATED, uses.BELOW),
    **_each(FLAG, "active config live"),
}
USE: Fields = _Having("domain", _USE)
_CHILD: Fields = {
    "kind": words("net", "block", "nvme", "usb", "scsi_host", "drm", "vdpa", "mdev_type"),
    "address": MAC,
    "operstate": words("up", "down", "unknown", "dormant", "testing", "lowerlayerdown", "notpresent"),
    "addr_assign_type": words("0", "1", "2", "3"),
    **_each(TEXT, "name serial model firmware_rev"),
    **_each(DECIMAL, "size available_instances"),
}
CHILD: Fields = _Having("kind name", _CHILD)
"""What a function carries; what the kernel does not tell of it is left out, which JMESPath answers with null."""

_FUNCTION: Fields = {
    **_each(TEXT, "name path stable_path serial driver driver_override vfio_driver"),
    **_each(TEXT, "vendor_name product_name subsystem_name class_name"),
    **_each(ID, "vendor_id product_id subsystem_vendor_id subsystem_product_id"),
    **_each(NUMBER, "header_type iommu_group numa_node socket total_vfs num_vfs"),
    **_each(FLAG, "rom d3cold_allowed boot_vga claimable"),
    **_each(ADDRESS, "address parent physical_function pcie_switch"),
    **_each(ROOT, "pcie_root"),
    **_each(SLOT, "slot"),
    **{name: [TEXT] for name in ("candidate_drivers", "reset_methods", "affected")},
    "capability": CAPABILITY,
    "revision": REVISION,
    "class": CLASS,
    "device_type": TYPE,
    "link": {**_each(TEXT, "current_speed max_speed"), **_each(NUMBER, "current_width max_width")},
    "bars": [
        {**_each(NUMBER, "index size"), **_each(FLAG, "io is_64bit prefetchable"), "resizable_sizes": [NUMBER]},
    ],
    **{name: [ADDRESS] for name in ("virtual_functions", "pcie_switches")},
    "children": [CHILD],
    "used_by": [USE],
    "status": STATUS,
    "owner": OWNER,
    "blockers": [BLOCKER],
}
FUNCTION: Fields = _Having("capability address", _FUNCTION)
"""What pci_facts tells of each PCI function."""

_DISK = _each(NUMBER, "size logical_block_size num_blocks")
_SCSI = _each(NUMBER, "host bus target lun")
NODE: Fields = {
    **_each(TEXT, "name path driver parent warning devnode link_type ap_adapter ap_domain uuid parent_addr chardev"),
    **_each(TEXT, "product description interface type char block drive_type model vendor serial state"),
    **_each(TEXT, "vendor_name product_name cssid ssid devno"),
    **_each(ID, "vendor_id product_id"),
    **_each(FLAG, "hub root_hub hotpluggable"),
    **_each(NUMBER, "header_type total_vfs iommu_group numa_node number subclass protocol unique_id device"),
    **_each(NUMBER, "domain slot function"),
    **_DISK,
    **_SCSI,
    **{name: [TEXT] for name in ("capabilities", "devlinks", "features")},
    "capability": CAPABILITY,
    "used_by": [USE],
    "address": MAC | ADDRESS,
    "class": CLASS | NUMBER,
    "bus": TEXT | NUMBER,
    "target": TEXT | NUMBER,
    "physical_function": ADDRESS,
    "virtual_functions": [ADDRESS],
    "link": {"speed": NUMBER, "state": TEXT},
    "pci_express": {name: _each(NUMBER, "port width speed") for name in ("cap", "sta")},
    "mdev_types": [{**_each(TEXT, "id name device_api"), "available_instances": NUMBER}],
    "vpd": {
        "name": TEXT,
        "readonly": {**_each(TEXT, "change_level manufacture_id part_number serial_number"), "vendor_fields": OPEN},
        "readwrite": {"asset_tag": TEXT, "vendor_fields": OPEN, "system_fields": OPEN},
    },
    "hardware": _each(TEXT, "vendor version serial uuid"),
    "firmware": _each(TEXT, "vendor version release_date"),
    "fc_host": _each(TEXT, "wwnn wwpn fabric_wwn"),
    "vport_ops": _each(NUMBER, "max_vports vports"),
    "fc_remote_port": _each(TEXT, "rport wwpn"),
    "removable": {"media_available": FLAG, "media_size": NUMBER, "media_label": TEXT, **_DISK},
    "ccwgroup_member": _each(TEXT, "group_device"),
    "qeth_generic": _each(TEXT, "card_type chpid"),
    "channel_dev_addr": _each(TEXT, "cssid ssid devno"),
    "blockers": [_Having("code", {**BLOCKER, "address": TEXT})],
    **dict.fromkeys(("attributes", "members"), OPEN),
}
"""What libvirt tells of other devices, and of PCI functions `vpd` and `warning`."""

_FUNCTION_IDENTITY: Fields = {
    **_each(ID, "vendor_id product_id subsystem_vendor_id subsystem_product_id"),
    **_each(TEXT, "serial pcie_serial stable_path"),
    "class_id": CLASS,
}
_TIMES: Fields = _each(TEXT, "since until")
_STOOD: Fields = dict.fromkeys(_PLACES, TEXT)
HELD: Fields = {
    "address": ADDRESS,
    "request": TEXT,
    "role": words(REQUESTED, GROUP_MEMBER),
    "identity": {
        **_FUNCTION_IDENTITY,
        **{f"{OF_PF}{name}": kind for name, kind in _FUNCTION_IDENTITY.items()},
        VF_NUMBER: DECIMAL,
    },
    "original": _each(TEXT, "driver driver_override"),
    "attach": [_PLACE],
    "vf_settings": _each(FLAG, "trust spoof_check"),
    "stood_before": _STOOD,
    **_TIMES,
    **_each(FLAG, "adopted managed one_time_use"),
    **_each(ADDRESS, "guest_address moved_from"),
}
"""A PCI function within a claim."""

HELD_NODE: Fields = {
    **_each(TEXT, "name request"),
    "capability": words(USB, SCSI),
    "identity": {**_each(ID, "vendor_id product_id"), **_each(TEXT, "serial vendor model wwid")},
    "attach": [_PLACE],
    "stood_before": _STOOD,
    **_TIMES,
}
"""A USB or SCSI device within a claim."""

_SPEC: Fields = {
    **_each(TEXT, "devname parent_ifname serial stable_path driver resource_class physical_network"),
    **_each(ID, "vendor_id product_id subsystem_vendor_id subsystem_product_id"),
    **_each(words("true", "false"), "managed live_migratable one_time_use trusted remote_managed"),
    **_each(TEXT, "pcie_root slot memory link_speed"),
    **_each(NUMBER | TEXT, "iommu_group_size total_vfs link_width"),
    "numa_node": NUMBER,
    "pcie_switch": ADDRESS,
    "class": words("##", "####", "######", called="two, four or six hexadecimal digits in single quotes"),
    "device_type": TYPE,
    "traits": [TEXT],
    "address": OPEN,  # a text or a mapping
    "tags": OPEN,
}
_REQUEST: Fields = {
    "name": TEXT,
    "count": NUMBER,
    "specs": [_SPEC],
    "first_available": [[_SPEC]],
    "numa_policy": words(*POLICIES),
    **_each(ADDRESS, "address guest_address"),
    "rom": {"bar": FLAG, "file": TEXT},
    "boot_order": NUMBER,
    "driver": TEXT,
    "managed": FLAG,
    "network": {"mac": MAC, "vlan": NUMBER, **_each(FLAG, "trust spoof_check")},
    "usb": {**_each(ID, "vendor_id product_id"), **_each(TEXT, "serial port")},
    "scsi": _each(NUMBER, "adapter bus target lun"),
}
_CONSTRAINT: Fields = {"requests": [TEXT], **_each(TEXT, "match distinct"), "pair": FLAG}
_BRANCH: Fields = {"name": TEXT}
_BRANCH["children"] = [_BRANCH]

FACTS: Fields = {
    "iommu_groups": [_Having("id devices", {"id": NUMBER, "devices": [ADDRESS], "viable": FLAG})],
    "tree": [_BRANCH],
    "pools": [
        _Having(
            "count",
            {
                **_each(ID, "vendor_id product_id"),
                "class": CLASS,
                "device_type": TYPE,
                **_each(NUMBER, "numa_node memory link_speed link_width total_vfs iommu_group_size"),
                "pcie_root": ROOT,
                "pcie_switches": [ADDRESS],
                "physical_function": ADDRESS,
                "parent_ifname": TEXT,
                "remote_managed": FLAG,
                "count": COUNT,
            },
        )
    ],
    "claims": [
        _Having(
            "owner",
            {
                "owner": OWNER,
                "requests": [_REQUEST],
                "devices": [HELD],
                "node_devices": [HELD_NODE],
                "persist": FLAG,
                "allow": [_CODE],
                "declared": [TEXT],
                "labels": OPEN,
                "overdue": [TEXT],
                "constraints": [_CONSTRAINT],
                "prefer": [_CONSTRAINT],
            },
        )
    ],
    "drift": [
        _Having(
            "code",
            {
                "code": words(
                    *"orphan removed moved identity_changed driver not_responding set_aside not_attached".split(),
                    *"half_attached vfs_differ not_restored not_on_record used_by_another constraint_unmet".split(),
                ),
                **_each(TEXT, "address detail"),
                "owner": OWNER,
            },
        )
    ],
    "host": {
        **_each(FLAG, "iommu vfio_present vfio_available libvirt"),
        **_each(TEXT, "iommu_reason kernel boot_id gathered_at libvirt_reason"),
        "numa_nodes": [_Having("id", _each(NUMBER, "id socket"))],
        "domains": [TEXT],
        **_each(TEXT, "libvirt_version hypervisor hypervisor_version"),
    },
}
"""The parts of the facts but for `devices`."""


def accepts(shape: Shape, value: t.Any, *, needed: bool = False) -> bool:
    """Whether a value is of the types of this shape; in which words a host tells it is the host's.

    None is accepted where nothing needs the value. An item of a list is always needed.
    """
    if value is None or shape is OPEN:
        return value is not None or not needed
    if isinstance(shape, Kind):
        return type(value) in shape.types or (isinstance(value, shape.types) and not isinstance(value, bool))
    if isinstance(shape, list):
        item = shape[0]
        return isinstance(value, list) and all(accepts(item, part, needed=True) for part in value)
    if not isinstance(value, dict) or any(value.get(name) is None for name in needs(shape)):
        return False
    for key, part in value.items():
        inner = shape.get(key)
        if part is None or inner is OPEN or (isinstance(inner, Kind) and type(part) in inner.types):
            continue  # most values by far, of which a thousand hosts have millions
        if not accepts(inner, part):
            return False
    return True


def astray(shape: Shape, value: t.Any, path: str = "") -> tuple[str, t.Any, Shape]:
    """Of a value that is not accepted the innermost part that is to blame: where it is, itself, and its shape."""
    parts: list[tuple[str, t.Any, Shape, bool]] = []
    if isinstance(shape, list) and isinstance(value, list):
        parts = [(f"{path}[{number}]", item, shape[0], True) for number, item in enumerate(value)]
    elif isinstance(shape, dict) and isinstance(value, dict):
        needed = needs(shape)
        names = dict.fromkeys([*needed, *value])
        parts = [(f"{path}.{name}", value.get(name), shape.get(name), name in needed) for name in names]
    for where, part, inner, is_needed in parts:
        if not accepts(inner, part, needed=is_needed):
            return astray(inner, part, where)
    return path, value, shape


def needs(shape: Fields) -> t.Sequence[str]:
    """The fields without which a mapping is none of this shape."""
    return shape.needed if isinstance(shape, _Having) else ()


def wanted(shape: Shape) -> str:
    """What a value of this shape is called."""
    if isinstance(shape, Kind):
        return shape.wanted
    return "a list" if isinstance(shape, list) else "a mapping"
