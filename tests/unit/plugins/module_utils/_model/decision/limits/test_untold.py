# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tenant is told where a text names owners of others."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.limits.untold import untold
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

WEB, NIC, DB = (f"{number}e5cb8f9-2a7a-4a1c-8b46-8f7a7b1b6d22" for number in range(3))


def claim(owner: Owner, tenant: str | None) -> Claim:
    labels = {} if tenant is None else {"tenant": tenant}
    return Claim(owner, requests={"nic": types.SimpleNamespace(name="nic")}, labels=labels)


@pytest.fixture
def told():
    tracker = Tracker(
        [
            claim(Owner("domain", WEB, "web1"), "blue"),
            claim(Owner("domain", NIC, "nic"), "red"),
            claim(Owner("name", "job.1", "job.1"), None),
        ]
    )
    made = untold("blue", "web2")
    domains = [types.SimpleNamespace(uuid=DB, name="db1"), types.SimpleNamespace(uuid="2", name="web2")]
    made.note(types.SimpleNamespace(tracker=tracker, journal=None), domains)
    return made


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"held by domain nic ({NIC})", "held by another owner"),
        ("held by owner job.1.", "held by another owner."),
        ("domain db1 is running with it", "another owner is running with it"),
        (f"virsh detach-device db1 --live; {DB}", "virsh detach-device another owner --live; another owner"),
        ("near job.1/gpu, and a.job.1/gpu", "near another owner/gpu, and a.job.1/gpu"),
        *(
            (text, text)
            for text in (f"domain web1 ({WEB})", "domain web2 has it", "request nic", "domain nic-2", "owner job.10")
        ),
    ],
)
def test_others_are_another_owner_and_plain_words_stay(told, text, wanted):
    assert told.warnings([text]) == [wanted]
    error = told.error(HostdevError("held", subject=text, found=text, wanted=text, remedy=text, details={"x": [text]}))
    assert {error.subject, error.found, error.wanted, error.remedy, *error.details["x"]} == {wanted}


def test_an_owner_in_the_details_is_another_one_of_the_same_form(told):
    owners = [{"kind": "domain", "id": NIC, "label": "nic"}, {"kind": "domain", "id": WEB, "label": "web1"}]
    error = told.error(HostdevError("held", subject="it", found="held", details={"owners": owners}))
    other = {"kind": "name", "id": "another owner", "label": "another owner"}
    assert error.details["owners"] == [other, owners[1]]


def test_administrators_are_told_everything():
    assert untold("*", None) is None
