# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's claims as data: it converges, follows changes, hands devices over, and two runs at once share a record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.patience import patient
from tests.lab.play import PlayResult, play, tasks
from tests.lab.state import HostState, read_state, reading, state_at

MODULE = "kvm.hostdev.pci_passthrough"
VF0, VF1, VF2, VF3 = topology.IGB_VFS[:4]
NIC = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca"}]}
DISK = {"name": "disk", "address": topology.NVME}


def _task(name: str, *claims: dict[str, Any], **options: Any) -> dict[str, Any]:
    check = {"check_mode": True} if options.pop("check", False) else {}
    wanted = {"claims": list(claims), "purge": True, **patient(), **options}
    return {"name": name, MODULE: wanted, "diff": True, **check}


def _claim(owner: str, *requests: dict[str, Any], **options: Any) -> dict[str, Any]:
    kind = "domain" if owner in ("web1", "db1") else "owner"
    return {kind: owner, "requests": list(requests), **options}


def _held(result: PlayResult, name: str) -> dict[str, list[str]]:
    owners = result.of(name).result["owners"]
    return {one["owner"]["label"]: [device["address"] for device in one["devices"]] for one in owners}


def _handed_to_db1() -> list[dict[str, Any]]:
    """db1 is shut off: what web1 runs with leaves the guest, and is put into the other definition."""
    return [_claim("db1", {"name": "nic", "address": VF0}), _claim("web1", {"name": "nic", "address": VF1})]


def test_data_is_made_so_changed_purged_and_given_back(lab: Lab, before: HostState) -> None:
    data = [_claim("web1", NIC, DISK), _claim("db1", NIC), _claim("dpdk0", NIC)]
    renamed = [_claim("web1", {**NIC, "name": "lan"}, DISK), *data[1:]]
    result = play(
        lab.inventory(),
        tasks(
            _task("foretold", *data, check=True),
            reading("as before"),
            _task("made", *data),
            reading("all claimed"),
            _task("made again", *data),
            _task("compete", *data, _claim("spdk", {**NIC, "count": 2})) | {"ignore_errors": True},
            reading("still claimed"),
            _task("rename", *renamed),
            reading("renamed"),
            _task("rename back", *data),
            _task("hand over", *_handed_to_db1(), on_mismatch="replace"),
            reading("handed over"),
            _task("give all back"),
            reading("given back"),
        ),
    )
    foretold, made = result.of("foretold"), result.of("made")
    assert (foretold.status, made.status, result.of("made again").status) == ("changed", "changed", "ok"), result.output
    assert state_at(result, "as before") == before
    assert foretold.result["plan"] == made.result["plan"]
    assert _held(result, "made") == {"web1": [VF0, topology.NVME], "db1": [VF1], "dpdk0": [VF2]}
    claimed = state_at(result, "all claimed")
    assert claimed.has_hostdev("web1", "live", VF0)
    assert claimed.has_hostdev("db1", "config", VF1)
    assert {claimed.driver(address) for address in (VF0, VF1, VF2, topology.NVME)} == {"vfio-pci"}

    error = result.of("compete").result["error"]
    assert error["code"] == "owners_compete", error
    assert error["owners"][0] == "spdk"
    assert state_at(result, "still claimed") == claimed

    assert (result.of("rename").status, result.of("rename").result["plan"]) == ("changed", []), result.output
    in_guest = state_at(result, "renamed")
    assert (in_guest.bindings, in_guest.domains) == (claimed.bindings, claimed.domains)
    assert {"lan", "disk"} == {device["request"] for device in result.of("rename").result["owners"][0]["devices"]}
    assert (result.of("rename back").status, result.of("rename back").result["plan"]) == ("changed", [])

    assert result.of("hand over").status == "changed", result.output
    handed = state_at(result, "handed over")
    assert _held(result, "hand over") == {"web1": [VF1], "db1": [VF0], "dpdk0": []}
    assert handed.has_hostdev("web1", "live", VF1)
    assert handed.has_hostdev("db1", "config", VF0)
    assert not handed.has_hostdev("web1", "config", VF0)
    assert (handed.driver(topology.NVME), handed.driver(VF2)) == ("nvme", "igbvf")

    assert result.of("give all back").status == "changed", result.output
    after = state_at(result, "given back")
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert after.claims() == []


@pytest.mark.usefixtures("both_processors")
def test_two_runs_at_once_end_as_one_of_them_says(lab: Lab, before: HostState) -> None:
    wanted = [[_claim("db1", NIC, attach=["config"]), _claim(owner, NIC)] for owner in ("dpdk0", "dpdk1")]
    with ThreadPoolExecutor(len(wanted)) as pool:
        results = list(pool.map(lambda claims: play(lab.inventory(), tasks(_task("run", *claims))), wanted))
    assert [one.code for one in results] == [0, 0], results[0].output + results[1].output
    state = read_state(lab)
    owners = {claim["owner"]["label"]: len(claim["devices"]) for claim in state.claims()}
    assert owners in ({"db1": 1, "dpdk0": 1}, {"db1": 1, "dpdk1": 1})
    given_back = play(lab.inventory(), tasks(_task("give back")))
    assert given_back.code == 0, given_back.output
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
