# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names of variables are refused before a playbook does anything."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.kvm.hostdev.plugins.lookup import variables
from ansible_collections.kvm.hostdev.plugins.plugin_utils.variables import OWN, TOLD


def asked(monkeypatch, extra=(), host=(), play=(), batch=("kvm1", "kvm2")) -> list[str]:
    """What the lookup returns on hosts `kvm1` and `kvm2`, of which the second one has the names of `host`."""
    monkeypatch.setattr(variables, "load_extra_vars", lambda _loader: dict.fromkeys(extra))
    hostvars = {"kvm1": dict.fromkeys(extra), "kvm2": dict.fromkeys([*extra, *host])}
    of_play = {"ansible_play_batch": [*batch], "ansible_play_hosts_all": ["kvm1", "kvm2"], "hostvars": hostvars}
    told = {**of_play, **dict.fromkeys([*extra, *play])}
    return variables.LookupModule(loader=DataLoader()).run([], told)


def refused(monkeypatch, **names) -> str:
    with pytest.raises(AnsibleLookupError) as caught:
        asked(monkeypatch, **names)
    return str(caught.value)


def test_what_is_known_passes_whoever_reads_it(monkeypatch):
    names = ["hostdev_claims", "hostdev_host_reboot_ok", "hostdev_events_token", "hostdev_guest_reader", "hostdev_to"]
    assert asked(monkeypatch, host=[*names, "hostdev", "hostdevs_of_mine", "ansible_host"]) == sorted(names)
    assert asked(monkeypatch, play=["hostdev_domain"], extra=["hostdev_hosts"]) == ["hostdev_domain", "hostdev_hosts"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"extra": ["hostdev_reqests"]}, "the extra variable hostdev_reqests: no playbook"),
        ({"extra": ["hostdev_reqests"]}, "did you mean hostdev_requests?"),
        ({"host": ["hostdev_device_sepc"]}, "the variable hostdev_device_sepc of kvm2: no playbook"),
        ({"play": ["hostdev_domian"]}, "the variable hostdev_domian of this play: no playbook"),
        ({"host": ["hostdev_qqqqq"]}, "begin names of your own with something else than hostdev_"),
        ({"host": ["hostdev_"]}, "the variable hostdev_ of kvm2"),
        ({"extra": ["hostdev_claimed"]}, "the extra variable hostdev_claimed: kvm.hostdev sets it itself"),
    ],
)
def test_a_misspelt_variable_is_refused_wherever_it_stands(monkeypatch, given, said):
    assert said in refused(monkeypatch, **given)


def test_the_first_batch_answers_for_all_and_a_later_one_for_itself(monkeypatch):
    assert "of kvm2" in refused(monkeypatch, host=["hostdev_domian"], batch=["kvm1"])
    assert asked(monkeypatch, host=["hostdev_domain"], batch=["kvm2"]) == ["hostdev_domain"]
    assert "of kvm2" in refused(monkeypatch, host=["hostdev_domian"], batch=["kvm2"])


def test_all_of_the_same_beginning_are_named(monkeypatch):
    message = refused(monkeypatch, extra=["hostdev_awx_tenats"])
    assert "did you mean hostdev_awx_tenants?" in message
    assert all(name in message for name in TOLD if name.startswith("hostdev_awx_"))
    assert not any(f"{name}, " in message for name in OWN)


def test_results_of_an_earlier_play_pass_and_no_extra_variable_takes_their_place(monkeypatch):
    assert asked(monkeypatch, host=["hostdev_claimed"], play=["hostdev_awx_surveys"]) == []
    assert "did you mean hostdev_awx_tenants?" in refused(monkeypatch, extra=["hostdev_awx_tenant"])


def test_it_takes_no_words():
    with pytest.raises(AnsibleLookupError):
        variables.LookupModule().run(["claim"], {})
