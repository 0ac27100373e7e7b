# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which constraints a claim has on record after claims, releases and other names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.constraints import settle, with_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.owners import Owners
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.renamed import _with_name
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.passthrough.shared import shared
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.release import give_back
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.record import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import Constraint
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import (
    ClaimWish,
    HostWish,
    ReleaseWish,
    Terms,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.choice import Asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    PERMIT_ALL,
    WEB,
    claim,
    device,
    holding,
    inventory,
    requests,
)

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
NEAR = Constraint(("gpu", "nic"), "match", "pcie_switch")
WIDE = Constraint(("nic", "disk"), "match", "numa_node")
ACROSS = Constraint((f"{WEB.id}/nic", "dpdk0/port"), "match", "socket")
CLAIM = replace(
    claim(WEB, holding(A, "gpu"), holding(B), holding(C, "disk")), constraints=(NEAR, WIDE, ACROSS), prefer=(WIDE,)
)
PORT = replace(claim(DPDK, holding("0000:04:00.0", "port")), constraints=(ACROSS,))


def wish(
    *names: str, constraints: tuple[Constraint, ...] = (), prefer: tuple[Constraint, ...] = (), **more
) -> ClaimWish:
    asked = requests(*({"name": name, "specs": [{"class": "02"}], **more} for name in names))
    return ClaimWish("web1", None, asked, PERMIT_ALL, Terms(), (), constraints=constraints, prefer=prefer)


def after(asked: ClaimWish, before: Claim = CLAIM) -> Claim:
    return with_constraints(Tracker([before, PORT]), asked, before)


# One owner.


def test_a_task_that_names_all_requests_of_a_constraint_decides_on_it():
    assert after(wish("gpu", "nic")).constraints == (WIDE, ACROSS)
    assert after(wish("gpu", "nic", constraints=(NEAR,))).constraints == (NEAR, WIDE, ACROSS)
    assert after(wish("disk", "nic")).prefer == ()


def test_a_task_that_names_some_requests_leaves_the_constraints_over_them():
    kept = after(wish("gpu"))
    assert (kept.constraints, kept.prefer) == (CLAIM.constraints, CLAIM.prefer)


def test_a_constraint_may_name_requests_on_record():
    new = Constraint(("sound", "gpu"), "match", "slot")
    assert after(wish("sound", constraints=(new,))).constraints == (new, *CLAIM.constraints)


def test_a_constraint_over_a_request_of_nobody_is_refused():
    with pytest.raises(HostdevError) as caught:
        after(wish("gpu", prefer=(NEAR, Constraint(("gpu", "nix"), "match", "slot"))))
    assert (caught.value.code, caught.value.subject) == ("invalid_constraint", "prefer[1].requests[1]")


def test_a_count_that_does_not_go_with_a_pair_on_record_is_refused():
    paired = replace(CLAIM, constraints=(replace(NEAR, pair=True),))
    with pytest.raises(HostdevError) as caught:
        after(wish("gpu", count=2), paired)
    error = caught.value
    assert (error.code, error.subject) == ("invalid_constraint", "constraints on record[0].pair")
    assert error.found == "gpu asks for 2 and nic for 1"


def test_a_pair_that_a_release_made_unequal_keeps_no_other_request_from_being_served():
    unequal = {**CLAIM.requests, "gpu": CLAIM.requests["gpu"].with_count(2)}
    paired = replace(CLAIM, requests=unequal, constraints=(replace(NEAR, pair=True),))
    assert after(wish("disk"), paired).constraints == paired.constraints


# Releases.


def released(*names: str) -> Claim:
    snapshot = Snapshot(
        inventory(*(device(address) for address in (A, B, C))), Tracker([CLAIM, PORT]), domains=(), named=None
    )
    return give_back(snapshot, ReleaseWish(domain="web1", names=names), CLAIM).change.after


def test_a_release_takes_the_constraints_over_its_requests_along():
    assert released("gpu").constraints == (WIDE, ACROSS)
    kept = released("nic")
    assert (kept.constraints, kept.prefer) == ((), ())


def test_a_release_of_all_leaves_none():
    assert released() == Claim(WEB)


def test_what_others_share_with_a_released_request_is_forgotten_once_all_is_done():
    tracker = Tracker([CLAIM, PORT])
    tracker.put(Claim(DPDK))
    assert tracker.claim_of(WEB).constraints == (NEAR, WIDE, ACROSS)
    settle(tracker)
    assert tracker.claim_of(WEB).constraints == (NEAR, WIDE)
    assert tracker.claim_of(WEB).prefer == (WIDE,)


def test_a_constraint_over_a_request_that_is_gone_is_not_written():
    gone = replace(CLAIM, requests={name: one for name, one in CLAIM.requests.items() if name != "gpu"})
    assert gone.as_dict()["constraints"] == [WIDE.as_dict(), ACROSS.as_dict()]


# On record.


def test_constraints_are_kept_with_the_claim():
    kept = parse_record(Record(Tracker([CLAIM, PORT])).as_bytes()).tracker
    assert list(kept) == [CLAIM, PORT]
    assert not {"constraints", "prefer"} & claim(WEB, holding(A)).as_dict().keys()


def test_a_request_has_its_new_name_in_constraints_too():
    renamed = _with_name(CLAIM, "nic", replace(CLAIM.requests["nic"], name="port"))
    assert [one.requests for one in renamed.constraints] == [
        ("gpu", "port"),
        ("port", "disk"),
        (f"{WEB.id}/port", "dpdk0/port"),
    ]
    assert [one.requests for one in renamed.prefer] == [("port", "disk")]


# Several owners.


def asked(*entries: tuple) -> Owners:
    return Owners([Asked(one, owner) for owner, one in entries])


def of_both(*constraints: Constraint, tracker: Tracker | None = None):
    owners = asked((WEB, wish("gpu", "nic")), (DB, wish("gpu")))
    return shared(tracker or Tracker(), owners, HostWish((), constraints=constraints))


def test_owners_are_named_by_domain_or_uuid_and_kept_by_uuid():
    apart = Constraint(("web1/gpu", f"{DB.id}/gpu"), "distinct", "numa_node")
    together = of_both(apart)
    assert together.constraints == (Constraint((f"{WEB.id}/gpu", f"{DB.id}/gpu"), "distinct", "numa_node"),)
    assert together.named == {f"{WEB.id}/gpu", f"{WEB.id}/nic", f"{DB.id}/gpu"}


def test_requests_on_record_of_owners_that_the_data_does_not_name_may_be_named():
    together = of_both(Constraint(("web1/nic", "dpdk0/port"), "match", "socket"), tracker=Tracker([PORT]))
    assert together.constraints == (ACROSS,)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("web2/gpu", "did you mean web1/gpu?"),
        (
            "gpu",
            "say whose it is, such as web1/gpu; what is over one owner alone may stand in its entry of claims",
        ),
        ("storage7", "name the owner as claims does, then a slash, then its request"),
        ("web1/gpus", "did you mean web1/gpu?"),
    ],
)
def test_a_request_of_no_owner_is_refused_with_the_one_that_may_be_meant(name, remedy):
    with pytest.raises(HostdevError) as caught:
        of_both(Constraint(("db1/gpu", name), "match", "slot"))
    assert (caught.value.code, caught.value.subject) == ("invalid_constraint", "constraints[0].requests[1]")
    assert caught.value.remedy == remedy


def test_a_request_is_not_named_by_both_names_of_its_owner():
    with pytest.raises(HostdevError) as caught:
        of_both(Constraint(("db1/gpu", f"{DB.id}/gpu"), "distinct", "slot"))
    assert (caught.value.code, caught.value.subject) == ("invalid_constraint", "constraints[0].requests")


def test_what_is_shared_is_noted_with_each_owner_that_it_is_about():
    together = of_both(Constraint(("web1/gpu", "web1/nic"), "match", "pcie_root"))
    web, db = (
        claim(owner, holding(address, "gpu"), holding(other))
        for owner, address, other in ((WEB, A, B), (DB, C, "0000:05:00.0"))
    )
    assert together.noted(Tracker(), web).constraints == together.constraints
    assert together.noted(Tracker(), db).constraints == ()


def test_data_that_names_all_requests_of_a_shared_constraint_decides_on_it():
    apart = Constraint((f"{WEB.id}/gpu", f"{DB.id}/gpu"), "distinct", "numa_node")
    web = replace(claim(WEB, holding(A, "gpu"), holding(B)), constraints=(apart, ACROSS, NEAR))
    tracker = Tracker([web, PORT])
    assert of_both(apart, tracker=tracker).noted(tracker, web).constraints == (apart, ACROSS, NEAR)
    assert of_both(tracker=tracker).noted(tracker, web).constraints == (ACROSS, NEAR)
