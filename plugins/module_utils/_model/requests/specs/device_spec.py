# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Device specs: which devices an allow list permits, and which a request wants.

Both are mappings with the same keys, or in short a text with both ids. Tags are labels in the allow list, and demands
for those labels in a request.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ... import forms, values
from ...host.device import DEVICE_TYPES, TYPE_PF, TYPE_VDPA, TYPE_VF

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from .address_pattern import AddressPattern
    from .comparison import Comparison


def _address(value: object, path: str) -> AddressPattern | None:
    from .address_pattern import read_address

    return read_address(value, path)


def _comparison(key: str) -> t.Callable[[object, str], Comparison]:
    """The reader of a key that is compared."""

    def read(value: object, path: str) -> Comparison:
        from .comparison_values import read_comparison

        return read_comparison(key, value, path)

    return read


def _place(kind: str) -> t.Callable[[object, str], str]:
    """A reader of one kind of places."""

    def read(value: object, path: str) -> str:
        from . import place_values

        return t.cast("str", getattr(place_values, kind)(value, path))

    return read


COMPARED = ("iommu_group_size", "total_vfs", "memory", "link_speed", "link_width")
_READERS: dict[str, t.Callable[[object, str], t.Any]] = {
    "address": _address,
    "devname": values.interface,
    "parent_ifname": values.interface,
    "vendor_id": values.identifier,
    "product_id": values.identifier,
    "subsystem_vendor_id": values.identifier,
    "subsystem_product_id": values.identifier,
    "class": values.class_prefix,
    "device_type": values.word_of(*DEVICE_TYPES),
    "numa_node": values.numa_node,
    "pcie_root": _place("pcie_root"),
    "pcie_switch": _place("pcie_switch"),
    "slot": _place("slot"),
    **{key: _comparison(key) for key in COMPARED},
    "serial": values.text,
    "stable_path": values.text,
    "driver": values.driver,
    "resource_class": values.text,
    "traits": values.names,
}
# Tags that Nova knows: they are written beside `tags`, and kept and demanded like the free ones.
_TAG_READERS: dict[str, t.Callable[[object, str], str | None]] = {
    "managed": values.flag,
    "live_migratable": values.flag,
    "one_time_use": values.flag,
    "trusted": values.flag,
    "remote_managed": values.flag,
    "physical_network": values.network,
}
_NULL_IS_A_VALUE = frozenset({"driver", "physical_network"})
# nova/pci/stats.py, _create_pool_keys_from_dev
_MAY_BE_REMOTE_MANAGED = frozenset({TYPE_PF, TYPE_VF, TYPE_VDPA})
_MANAGED_BY_THE_HOST = {"remote_managed": "false"}
KEYS = (*_READERS, *_TAG_READERS, "tags")


def _address_form(value: object, path: str) -> None:
    (forms.each(forms.text) if isinstance(value, dict) else forms.text)(value, path)


def _comparison_form(value: object, path: str) -> None:
    (forms.text if isinstance(value, str) else forms.number(0))(value, path)


def _tag_form(value: object, path: str) -> None:
    (forms.listed(forms.scalar) if isinstance(value, list) else forms.scalar)(value, path)


@dataclass(frozen=True)
class DeviceSpec:
    """One entry. A criterion that is None matches everything; `class_prefix` is 2, 4 or 6 hexadecimal digits.

    Comparisons are of numbers: `memory` is the largest prefetchable BAR, the link what function and port can do.
    `tags` holds Nova's known tags, booleans as "true" and "false", along with the free ones. `resource_class` and
    `traits` are only kept. `among` are the addresses that are left by the criteria on what is around a device, once
    `resolved` has looked; before, such a spec matches nothing. `whole_pfs` are PFs that both ids alone ask for.
    """

    address: AddressPattern | None = None
    devname: str | None = None
    parent_ifname: str | None = None
    vendor_id: str | None = None
    product_id: str | None = None
    subsystem_vendor_id: str | None = None
    subsystem_product_id: str | None = None
    class_prefix: str | None = None
    device_type: str | None = None
    numa_node: int | None = None
    pcie_root: str | None = None
    pcie_switch: str | None = None
    slot: str | None = None
    iommu_group_size: Comparison | None = None
    total_vfs: Comparison | None = None
    memory: Comparison | None = None
    link_speed: Comparison | None = None
    link_width: Comparison | None = None
    serial: str | None = None
    stable_path: str | None = None
    driver: str | None = None
    resource_class: str | None = None
    traits: tuple[str, ...] = ()
    tags: t.Mapping[str, t.Any] = field(default_factory=dict)
    among: frozenset[str] | None = field(default=None, compare=False, repr=False)
    whole_pfs: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    # Of what as_dict writes; what the values may be parse_device_spec knows.
    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {},
        {
            **dict.fromkeys(_READERS, forms.text),
            "address": _address_form,
            "numa_node": forms.number(0),
            **dict.fromkeys(("iommu_group_size", "total_vfs", "link_width"), _comparison_form),
            "traits": forms.listed(forms.text),
            **dict.fromkeys(_TAG_READERS, forms.one_of("true", "false")),
            "physical_network": forms.nullable(forms.text),
            "tags": forms.each(_tag_form),
        },
    )

    def matches(self, device: PciDevice) -> bool:
        """Whether the device itself fits, tags apart."""
        return self.fits_kind(device) and self.fits_one(device)

    def fits_kind(self, device: PciDevice) -> bool:
        """Whether the device fits in what many have in common; free devices are looked up by that."""
        return (
            (self.vendor_id is None or self.vendor_id == device.vendor_id)
            and (self.product_id is None or self.product_id == device.product_id)
            and (self.class_prefix is None or device.class_id.startswith(self.class_prefix))
            and (self.device_type is None or self.device_type == device.device_type)
            and (self.numa_node is None or self.numa_node == device.numa_node)
        )

    def fits_one(self, device: PciDevice) -> bool:
        """Whether the device fits in the rest, for which each one of a kind must be looked at."""
        return (
            (self.address is None or self.address.covers(device))
            and (self.subsystem_vendor_id is None or self.subsystem_vendor_id == device.subsystem_vendor_id)
            and (self.subsystem_product_id is None or self.subsystem_product_id == device.subsystem_product_id)
            and (self.serial is None or self.serial in (device.serial, device.pcie_serial))
            and (self.stable_path is None or self.stable_path == device.stable_path)
            and (self.driver is None or self.driver == (device.driver or values.NO_DRIVER))
            and (self.total_vfs is None or self.total_vfs.fits(device.total_vfs))
            and (not self._looks_around or device.address in (self.among or ()))
        )

    @property
    def picks(self) -> bool:
        """Whether `fits_one` asks for anything, so that devices of one kind may differ."""
        criteria = (
            self.address,
            self.subsystem_vendor_id,
            self.subsystem_product_id,
            self.serial,
            self.stable_path,
            self.driver,
            self.total_vfs,
        )
        return self._looks_around or bool(self.whole_pfs) or any(criterion is not None for criterion in criteria)

    @property
    def remote_managed(self) -> bool:
        """Whether it is for devices that a SmartNIC manages."""
        return self.tags.get("remote_managed") == "true"

    @property
    def needs_details(self) -> bool:
        """Whether it is about a function's details, which are not read unless somebody asks for them."""
        return any((self.memory, self.link_speed, self.link_width))

    @property
    def _looks_around(self) -> bool:
        return any((self.devname, self.parent_ifname, self.iommu_group_size, self.remote_managed, self._sits))

    @property
    def _sits(self) -> bool:
        return self.needs_details or any((self.pcie_root, self.pcie_switch, self.slot))

    def resolved(self, inventory: Inventory, held: t.Collection[str] = ()) -> DeviceSpec:
        """The same spec of a request for this host, with what `permitting` looks up, and the PFs that its ids ask for.

        Two ids that only PFs of the host have ask for those of them without VFs, as a PF by its capability alone is
        what others call the device; such a PF in `held` is also asked for once it has VFs.
        """
        spec, ids = self.permitting(inventory, held), (self.vendor_id, self.product_id)
        if None in ids or self.device_type is not None:
            return spec
        alike = [device for device in inventory.devices.values() if (device.vendor_id, device.product_id) == ids]
        pfs = [device for device in alike if device.device_type == TYPE_PF]
        alone = len(pfs) == len(alike)
        whole = (pf.address for pf in pfs if pf.address in held or (alone and not pf.virtual_functions))
        return replace(spec, whole_pfs=frozenset(whole))

    def permitting(self, inventory: Inventory, held: t.Collection[str] = ()) -> DeviceSpec:
        """The same spec with what is around each device looked up: interfaces, the PF's serial, IOMMU group, place.

        While the interface is nowhere, the network functions in `held` that have a VFIO driver fit by `devname`, and
        the VFs among them by `parent_ifname`: one of them, or their PF, had it when it was claimed.
        """
        if not self._looks_around:
            return self
        from .around import Around, addresses_around

        around = Around(self.devname, self.parent_ifname, self.iommu_group_size, self.remote_managed)
        among = addresses_around(around, inventory, held)
        if self._sits:
            from .sitting import Sitting, addresses_sitting

            place = self.pcie_root, self.pcie_switch, self.slot
            asked = Sitting(*place, self.memory, self.link_speed, self.link_width)
            among &= addresses_sitting(asked, inventory, held)
        return replace(self, among=among)

    def names(self, device: PciDevice) -> bool:
        """Whether the spec is for this very device: by its address, serial or stable path."""
        return self.matches(device) and (
            self.serial is not None
            or self.stable_path is not None
            or (self.address is not None and self.address.names(device.address))
        )

    def demands(self, tags: t.Mapping[str, t.Any], device_type: str | None = None) -> bool:
        """Whether tags that an allow list entry gives a device of this type satisfy this spec's.

        Texts are compared in any case, of a list all must be there, and null is met by a tag that is null or missing.
        What could be remote_managed and has no such tag is not, as in Nova.
        """
        known = _MANAGED_BY_THE_HOST if device_type in _MAY_BE_REMOTE_MANAGED else {}
        return all(_met(wanted, tags.get(key, known.get(key))) for key, wanted in self.tags.items())

    def describe(self) -> str:
        """The spec in one line."""
        return ", ".join(f"{key} {value}" for key, value in self.as_dict().items()) or "any device"

    def as_dict(self) -> dict[str, t.Any]:
        """The spec as a user would write it, without what it leaves open."""
        written: dict[str, t.Any] = {
            "address": None if self.address is None else self.address.written,
            "devname": self.devname,
            "parent_ifname": self.parent_ifname,
            "vendor_id": self.vendor_id,
            "product_id": self.product_id,
            "subsystem_vendor_id": self.subsystem_vendor_id,
            "subsystem_product_id": self.subsystem_product_id,
            "class": self.class_prefix,
            "device_type": self.device_type,
            "numa_node": self.numa_node,
            "pcie_root": self.pcie_root,
            "pcie_switch": self.pcie_switch,
            "slot": self.slot,
            **{key: None if getattr(self, key) is None else getattr(self, key).written for key in COMPARED},
            "serial": self.serial,
            "stable_path": self.stable_path,
            "driver": self.driver,
            "resource_class": self.resource_class,
            "traits": list(self.traits) or None,
        }
        written = {key: value for key, value in written.items() if value is not None}
        written.update({key: value for key, value in self.tags.items() if key in _TAG_READERS})
        free = {key: value for key, value in self.tags.items() if key not in _TAG_READERS}
        return {**written, "tags": free} if free else written


def _met(wanted: object, tag: object) -> bool:
    if isinstance(wanted, list) and isinstance(tag, list):
        return all(any(_met(value, label) for label in tag) for value in wanted)
    if isinstance(wanted, str) and isinstance(tag, str):
        return wanted.casefold() == tag.casefold()
    return wanted == tag


def parse_device_specs(value: object, path: str) -> tuple[DeviceSpec, ...]:
    """Read a list of specs, where a text is both ids, or JSON of one spec or of a list of them.

    `path` is the option's name for errors.

    Raises HostdevError as parse_device_spec does.
    """
    if not isinstance(value, (list, tuple)):
        raise values.invalid(path, value, "a list of device specs")
    specs: list[DeviceSpec] = []
    for index, entry in enumerate(value):
        where = f"{path}[{index}]"
        read = values.from_json(entry)
        if isinstance(entry, str) and isinstance(read, list):
            specs.extend(parse_device_spec(part, f"{where}[{place}]") for place, part in enumerate(read))
        else:
            specs.append(parse_device_spec(read if isinstance(read, dict) else entry, where))
    return tuple(specs)


def parse_device_spec(value: object, path: str) -> DeviceSpec:
    """Read one spec. Raises HostdevError: invalid_spec, invalid_address, with the option's path and what is allowed."""
    if not isinstance(value, t.Mapping):
        from .shorthand import both_ids

        value = both_ids(value, path)
    values.check_keys(value, KEYS, path)
    criteria = {
        "class_prefix" if key == "class" else key: read(value[key], f"{path}.{key}")
        for key, read in _READERS.items()
        if _given(value, key)
    }
    tags: dict[str, t.Any] = {
        key: read(value[key], f"{path}.{key}") for key, read in _TAG_READERS.items() if _given(value, key)
    }
    if _given(value, "tags"):
        tags.update(values.tags(value["tags"], f"{path}.tags", KEYS))
    if criteria.get("devname") is not None and criteria.get("address") is not None:
        raise values.invalid(f"{path}.devname", value["devname"], "either devname or address")
    return DeviceSpec(**criteria, tags=tags)


def _given(value: t.Mapping[str, object], key: str) -> bool:
    return value.get(key) is not None or (key in value and key in _NULL_IS_A_VALUE)
