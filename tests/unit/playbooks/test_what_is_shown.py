# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people read when the playbooks run under Ansible's own callback, and what is asked of no host."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.played import Run, imported, lay_out, run

MODULES = (
    "pci_facts",
    "pci_adopt",
    "pci_passthrough",
    "pci_passthrough_claim",
    "pci_passthrough_release",
    "pci_reconcile",
)
TAKEN = 'web1: nic = 0000:01:10.0 (8086:10ca), "igbvf" to vfio-pci, attached to definition and guest'
STILL = "web1: nic = 0000:01:10.0 (8086:10ca), as it was"
WRITTEN = "1 device of web1 written down"
REFUSED = "0000:01:10.0: in use; what to do: end it."
CHANGES = {
    "kvm1": {"changed": True, "msg": TAKEN},
    "kvm2": {"msg": STILL},
    "kvm3": {"failed": True, "msg": REFUSED},
}
OTHERS = {
    "pci_facts": {"ansible_facts": {"hostdev": {"drift": []}}},
    "pci_adopt": {"changed": True, "msg": WRITTEN, "lines": [], "unattached": [], "fighters": []},
}
WANTED = {"hostdev_domain": "web1", "hostdev_requests": [{"name": "nic", "specs": ["8086:10ca"]}]}
DATA = {"hostdev_claims": [], "passthrough_claims": []}
UNTOLD = {
    "no_requests": {"hostdev_domain": "web1"},
    "no_domain": {"hostdev_requests": []},
    "no_owner": {"hostdev_names": ["nic"]},
    "no_data": {"hostdev_purge": True},
}
ROLE_PLAY = {"hosts": "{{ hostdev_hosts }}", "gather_facts": False, "roles": ["kvm.hostdev.passthrough"]}


GOOD = "kvm1,kvm2"
PLAYS: dict[str, list[dict[str, t.Any]]] = {
    "claim": [imported("claim", "kvm1,kvm2,kvm3", **WANTED)],
    "others": [
        *(imported(name, GOOD, **WANTED, **DATA) for name in ("release", "passthrough", "reconcile")),
        imported("adopt", "kvm1", hostdev_adopt_confirm=True),
        {**ROLE_PLAY, "hosts": GOOD, "vars": DATA},
    ],
    "turns": [imported("claim", GOOD, **WANTED, hostdev_serial=1), imported("adopt", "kvm1")],
    # Were all hosts of a play to fail, Ansible would leave out those that follow.
    "untold": [
        imported("claim", "kvm1,no_requests,no_domain"),
        imported("release", "kvm1,no_owner"),
        imported("passthrough", "kvm1,no_data"),
    ],
}
OPTIONS = {"turns": ["--check", "--limit=kvm2,kvm1"]}
FORMS = {"others": "yaml"}


def _hosts() -> dict[str, t.Any]:
    changing = [name for name in MODULES if name not in OTHERS]
    hosts = {host: {"answers": {**OTHERS, **dict.fromkeys(changing, told)}} for host, told in CHANGES.items()}
    hosts["kvm1"].update(WANTED | DATA)
    return hosts | UNTOLD


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-playbooks-") as name:
        folder = Path(name).resolve()
        lay_out(folder, MODULES, _hosts())
        return {name: run(folder, play, OPTIONS.get(name, ()), FORMS.get(name, "json")) for name, play in PLAYS.items()}


def test_a_line_of_each_host_says_what_was_done_and_that_nothing_was(runs):
    claim = runs["claim"]
    assert claim.code == 2
    assert sorted(claim.shown) == [f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})"]
    assert any(line.startswith("fatal: [kvm3]") and REFUSED in line for line in claim.lines)


def test_the_other_playbooks_and_the_role_show_the_same_in_one_line_also_where_results_are_yaml(runs):
    others = runs["others"]
    assert others.code == 0
    of_each = [f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})"]
    assert sorted(others.shown) == sorted([*of_each * 4, f"ok: [kvm1] => (item={WRITTEN})"])


def test_check_mode_turns_and_a_limit_show_the_same(runs):
    turns = runs["turns"]
    assert turns.code == 0
    first, second, adopted = turns.shown
    assert (first, second) == (f"ok: [kvm1] => (item={TAKEN})", f"ok: [kvm2] => (item={STILL})")
    assert adopted.startswith(
        "ok: [kvm1] => (item=Nothing was written. Run it again with -e hostdev_adopt_confirm=true"
    )


def test_what_a_playbook_must_be_told_is_named_and_the_host_is_left_alone(runs):
    untold = runs["untold"]
    assert untold.calls == {"pci_passthrough_claim kvm1", "pci_passthrough_release kvm1", "pci_passthrough kvm1"}
    of_host = {host: next(line for line in untold.lines if line.startswith(f"fatal: [{host}]")) for host in UNTOLD}
    for host in ("no_requests", "no_domain"):
        assert "hostdev_domain (or hostdev_owner) and hostdev_requests say who gets which devices" in of_host[host]
        assert "-e hostdev_domain=web1 -e '{hostdev_requests: [{name: nic, specs: [8086:10ca]}]}'" in of_host[host]
    assert "hostdev_expired says whose devices go back, and none of them is given" in of_host["no_owner"]
    assert "hostdev_claims says what no_data gives to whom, and is missing" in of_host["no_data"]
