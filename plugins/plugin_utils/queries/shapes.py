# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shape of the facts of one host: what they can have, what these were gathered without, and what they do have."""

from __future__ import annotations

import typing as t

from .facts import Device, Facts, is_function
from .kinds import Kind
from .schema import FACTS, FUNCTION, NODE, OPEN, Fields, Shape


class NotGathered(t.NamedTuple):
    """A field that the facts could have and do not."""

    remedy: str


def shape_of(facts: Facts) -> Shape:
    """The shape of these facts: with the fields that other devices have, and what was not gathered as such."""
    if not facts.whole:
        return [_device_shape(facts.devices)]
    parts = {
        part: FACTS[part] if part in facts.parts else NotGathered(f"gather with {part} in the gather_subset")
        for part in FACTS
    }
    remedy = "gather with devices in the gather_subset"
    parts["devices"] = [_device_shape(facts.devices)] if "devices" in facts.parts else NotGathered(remedy)
    return parts


def merged(one: Shape, other: Shape) -> Shape:
    """The shape of what is of one or the other."""
    if one == other:
        return one
    if isinstance(one, Kind) and isinstance(other, Kind):
        return one | other
    if isinstance(one, list) and isinstance(other, list):
        return [merged(one[0], other[0])]
    if isinstance(one, dict) and isinstance(other, dict):
        both = {name: merged(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **both}
    return OPEN


def _device_shape(devices: t.Sequence[Device]) -> Fields:
    functions = [device for device in devices if is_function(device)]
    others = [device for device in devices if not is_function(device)]
    if not devices:
        return t.cast("Fields", merged(FUNCTION, NODE))
    shape = FUNCTION if functions else NODE
    if functions and others:
        shape = merged(FUNCTION, NODE)
    shape = {**_lacking(functions, others), **shape}
    for name in FUNCTION if functions else ():
        if not any(name in device for device in devices):
            shape[name] = NotGathered(f"gather without the option fields, or with {name} among them")
    for device in others:
        _widen(shape, device, NODE)
    for function in functions:
        _widen(shape, {name: function[name] for name in function.keys() - FUNCTION.keys()}, NODE)
    return shape


def _lacking(functions: t.Sequence[Device], others: t.Sequence[Device]) -> Fields:
    """The fields of devices of which there are none."""
    if others:
        only = NotGathered("only PCI functions have it: gather with devices in the gather_subset")
        return {} if functions else dict.fromkeys(FUNCTION, only)
    return dict.fromkeys(
        NODE, NotGathered("only libvirt's devices have it: gather with node_devices in the gather_subset, with libvirt")
    )


def _widen(shape: Fields, device: Device, known: Fields) -> None:
    """Take in what is seen of a device: libvirt may tell more than is known of it."""
    for name, value in device.items():
        of_field = shape.get(name, OPEN)
        shape[name] = _widened(known.get(name, OPEN) if isinstance(of_field, NotGathered) else of_field, value)


def _widened(shape: Shape, value: t.Any) -> Shape:
    """The shape, open where a value has something else."""
    if value is None or shape is OPEN:
        return shape
    if isinstance(shape, Kind):
        return shape if shape.fits(value) else OPEN
    if isinstance(shape, list) and isinstance(value, list):
        item = shape[0]
        for part in value:
            item = _widened(item, part)
        return [item]
    if isinstance(shape, dict) and isinstance(value, dict):
        return {**shape, **{name: _widened(shape.get(name, OPEN), part) for name, part in value.items()}}
    return OPEN
