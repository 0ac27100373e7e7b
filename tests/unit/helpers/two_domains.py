# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests of all claims of a host have in common: devices and requests, who holds what, and what is refused."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Owner

    from .fake_host import FakeHost

NVME, VF1, VF2, VF3 = "0000:04:00.0", "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
NIC: dict[str, t.Any] = {"name": "nic", "specs": [{"product_id": "10ca"}]}
DISK: dict[str, t.Any] = {"name": "disk", "address": NVME}
DATA: dict[str, list[dict[str, t.Any]]] = {"web1": [NIC, DISK], "db1": [NIC], "dpdk0": [NIC]}
SERVED = {"web1": {VF1: "nic", NVME: "disk"}, "db1": {VF2: "nic"}, "dpdk0": {VF3: "nic"}}


def at(number: int) -> dict[str, t.Any]:
    """The request for one of the first three VFs by its address."""
    return {"name": "nic", "address": (VF1, VF2, VF3)[number]}


def refused(call: t.Callable[..., t.Any], *arguments: t.Any, **keywords: t.Any) -> HostdevError:
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def held(host: FakeHost) -> dict[str, dict[str, str]]:
    """The addresses that each owner holds, by its label, with the request that each serves."""
    return {
        claim["owner"]["label"]: {device["address"]: device["request"] for device in claim["devices"]}
        for claim in host.record["claims"]
    }


def labels(named: t.Iterable[tuple[Owner, str]]) -> list[tuple[str, str]]:
    return [(owner.label, request) for owner, request in named]
