# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is in the facts, so that a misspelt field or value in a query is told from an answer that is empty.

A mapping of fields, a list with the shape of its items, a `Kind` of value, or None for what is not described further.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import normalize_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import DEVICE_TYPES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.node_fields import CAPABILITIES, FIELDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

from .facts import Facts, is_function

Shape = t.Any


class Kind(t.NamedTuple):
    """A kind of value: what to write in a query, whether a literal can be one, and whether `<` tells anything of it."""

    wanted: str
    fits: t.Callable[[t.Any], bool]
    ordered: bool = False
    words: tuple[str, ...] = ()

    def remedy(self, literal: t.Any) -> str:
        return did_you_mean(literal, self.words) if self.words and isinstance(literal, str) else ""


class NotGathered(t.NamedTuple):
    """A field that the facts could have and do not."""

    remedy: str


def _digits(number: int) -> t.Callable[[t.Any], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(f"[0-9a-f]{{{number}}}", value))


def _is_address(value: t.Any) -> bool:
    """As sysfs writes it; of a network interface it is a MAC."""
    if not isinstance(value, str) or re.fullmatch("(?:[0-9a-f]{2}:){5,}[0-9a-f]{2}", value):
        return isinstance(value, str)
    try:
        return normalize_address(value) == value
    except ValueError:
        return False


def _words(*words: str) -> Kind:
    return Kind(f"one of {', '.join(words)}", lambda value: value in words, words=words)


TEXT = Kind("a text, in single quotes", lambda value: isinstance(value, str))
NUMBER = Kind(
    "a number, in backticks: `1`", lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), True
)
FLAG = Kind("`true` or `false`, in backticks", lambda value: isinstance(value, bool))
ID = Kind("four hexadecimal digits in lower case, in single quotes: '10de'", _digits(4))
CLASS = Kind("six hexadecimal digits in single quotes, or with fewer starts_with(class, '0302')", _digits(6))
ADDRESS = Kind("an address as sysfs writes it, in single quotes: '0000:3b:00.0'", _is_address)
TYPE = _words(*DEVICE_TYPES)
CAPABILITY = Kind(
    "a kind of device, by libvirt's names, such as 'pci'",
    lambda value: value in CAPABILITIES,
    words=tuple(CAPABILITIES),
)
STATUS = _words("available", "claimed", "allocated", "unclaimable", "unavailable", "needs_cleaning")

OWNER = {"kind": _words("domain", "name"), "id": TEXT, "label": TEXT}
FUNCTION: dict[str, Shape] = {
    **dict.fromkeys("name path stable_path parent serial driver driver_override vfio_driver".split(), TEXT),
    **dict.fromkeys("vendor_name product_name subsystem_name class_name".split(), TEXT),
    **dict.fromkeys("vendor_id product_id subsystem_vendor_id subsystem_product_id".split(), ID),
    **dict.fromkeys("header_type iommu_group numa_node total_vfs num_vfs".split(), NUMBER),
    **dict.fromkeys("rom d3cold_allowed boot_vga claimable".split(), FLAG),
    **{name: [TEXT] for name in ("candidate_drivers", "reset_methods", "affected")},
    "address": ADDRESS,
    "capability": CAPABILITY,
    "revision": Kind("two hexadecimal digits in single quotes: '00'", _digits(2)),
    "class": CLASS,
    "device_type": TYPE,
    "link": {"current_speed": TEXT, "current_width": NUMBER, "max_speed": TEXT, "max_width": NUMBER},
    "bars": [
        {
            **dict.fromkeys(("index", "size"), NUMBER),
            **dict.fromkeys(("io", "is_64bit", "prefetchable"), FLAG),
            "resizable_sizes": [NUMBER],
        }
    ],
    "physical_function": ADDRESS,
    "virtual_functions": [ADDRESS],
    "children": [None],
    "used_by": [
        {**dict.fromkeys(("domain", "uuid", "via"), TEXT), **dict.fromkeys(("active", "config", "live"), FLAG)}
    ],
    "status": STATUS,
    "owner": OWNER,
    "blockers": [{"code": _words(*GUARDS), **dict.fromkeys("address detail override remedy".split(), TEXT)}],
}
"""What pci_facts tells of each PCI function."""

HELD: dict[str, Shape] = {
    **dict.fromkeys("role identity original stood_before vf_settings".split()),
    **dict.fromkeys("adopted managed one_time_use".split(), FLAG),
    **dict.fromkeys("address guest_address moved_from".split(), ADDRESS),
    "request": TEXT,
    "attach": [_words("config", "live")],
}
"""What the facts tell of each PCI function within a claim."""

FACTS: dict[str, Shape] = {
    "iommu_groups": [{"id": NUMBER, "devices": [ADDRESS], "viable": FLAG}],
    "tree": None,
    "pools": [
        {
            "vendor_id": ID,
            "product_id": ID,
            "class": CLASS,
            "device_type": TYPE,
            "numa_node": NUMBER,
            "physical_function": ADDRESS,
            "parent_ifname": TEXT,
            "remote_managed": FLAG,
            "count": NUMBER,
        }
    ],
    "claims": [
        {
            "owner": OWNER,
            "requests": [None],
            "devices": [HELD],
            "node_devices": [dict.fromkeys("name capability request identity attach stood_before".split())],
            "persist": FLAG,
            "allow": [TEXT],
            "declared": [TEXT],
        }
    ],
    "drift": [{"code": TEXT, "address": TEXT, "owner": OWNER, "detail": TEXT}],
    "host": {
        **dict.fromkeys("iommu vfio_present vfio_available libvirt".split(), FLAG),
        **dict.fromkeys("iommu_reason kernel boot_id gathered_at libvirt_reason".split(), TEXT),
        **dict.fromkeys("libvirt_version hypervisor hypervisor_version".split(), TEXT),
    },
}


def shape_of(facts: Facts) -> Shape:
    """The shape of these facts: with the fields that other devices have, and what was not gathered as such."""
    if not facts.whole:
        return [_device_shape(facts)]
    parts = {
        part: FACTS[part] if part in facts.parts else NotGathered(f"gather with {part} in the gather_subset")
        for part in FACTS
    }
    parts["devices"] = [_device_shape(facts)] if "devices" in facts.parts else NotGathered("gather devices")
    return parts


def _device_shape(facts: Facts) -> dict[str, Shape]:
    shape: dict[str, Shape] = {**dict.fromkeys(FIELDS), **FUNCTION}
    functions = facts.functions
    for name in FUNCTION if functions else ():
        if not any(name in function for function in functions):
            shape[name] = NotGathered(f"gather without the option fields, or with {name} among them")
    for device in facts.devices:
        if not is_function(device):
            # Libvirt's own fields may have the names of others: what is seen there is as good.
            shape.update({name: None for name, value in device.items() if not _accepts(shape.get(name), value)})
    for function in functions:
        shape.update(dict.fromkeys(function.keys() - shape.keys()))
    return shape


def _accepts(shape: Shape, value: t.Any) -> bool:
    if isinstance(shape, Kind):
        return value is None or shape.fits(value)
    return isinstance(shape, list) and isinstance(value, list)
