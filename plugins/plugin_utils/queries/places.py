# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the functions of facts sit, and how far they are apart."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import normalize_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Distance, distance
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

from .errors import wrong
from .facts import Facts, told
from .fitting import Functions, read_some_specs

_LOOKED_AT = ("path", "physical_function", "numa_node", "pcie_switches")


def apart(facts: Facts, one: t.Any, other: t.Any) -> Distance:
    """How far two functions are apart, by their addresses. Raises HostdevError where the facts do not tell."""
    functions = Functions(facts)
    addresses = [_address(functions, value) for value in (one, other)]
    for address in addresses:
        told(functions.facts[address], *_LOOKED_AT)
    first, second = (functions.topology[address] for address in addresses)
    return distance(first, second)


def all_apart(facts: Facts, specs: t.Any) -> dict[str, dict[str, str | None]]:
    """The distance of each function that fits from each, itself included: the words alone."""
    functions = Functions(facts)
    fitting = functions.fitting(read_some_specs(specs))
    for device in fitting:
        told(device, *_LOOKED_AT)
    places = {device["address"]: functions.topology[device["address"]] for device in fitting}
    return {
        address: {other: distance(where, there).kind for other, there in places.items()}
        for address, where in places.items()
    }


def _address(functions: Functions, value: t.Any) -> str:
    try:
        address = normalize_address(value)
    except ValueError as error:
        raise wrong("an address", str(error), "two addresses of functions, such as 0000:3b:00.0") from None
    if address not in functions.facts:
        remedy = did_you_mean(address, list(functions.facts))
        raise wrong(address, "the facts have no such function", "one that they have", remedy)
    return address
