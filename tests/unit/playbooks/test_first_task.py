# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each playbook looks at before it does anything: names of variables, and the limit of a run for one host."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.tests.unit.helpers.played import ROOT, imported, lay_out, run

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
FIRST = "tasks/first.yml"
OF_FORMS = "tasks/form_wall.yml"


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_each_playbook_asks_before_anything_else(playbook: Path):
    play = yaml.safe_load(playbook.read_text(encoding="utf-8"))[0]
    first = [*play.get("pre_tasks", ()), *play.get("tasks", ())][0]
    assert first.get("ansible.builtin.import_tasks") == (OF_FORMS if playbook.stem.startswith("form_") else FIRST)


def test_forms_ask_it_with_the_first_tasks_that_they_share():
    tasks = yaml.safe_load((ROOT / "playbooks" / OF_FORMS).read_text(encoding="utf-8"))
    assert Path(FIRST).name in [task.get("ansible.builtin.import_tasks") for task in tasks]


@pytest.mark.parametrize("serial", ["100%", 1])
def test_one_of_a_host_stops_it_for_all_and_is_named(tmp_path: Path, serial: t.Any):
    told = {"hostdev_domain": "web1", "hostdev_requests": []}
    answers = {"answers": {"pci_passthrough_claim": {"msg": "claimed"}}, **told}
    lay_out(tmp_path, ["pci_passthrough_claim"], {"kvm1": answers, "kvm2": {**answers, "hostdev_device_sepc": []}})
    more = ["--tags=none"] if serial == "100%" else []
    ended = run(tmp_path, [imported("claim", "all", hostdev_serial=serial)], more)
    assert ended.code != 0
    assert ended.calls == set()
    assert "hostdev_device_sepc of kvm2: no playbook, role" in " ".join(ended.lines)


@pytest.mark.parametrize(("limit", "told"), [("rack1", "the limit rack1 is not the name"), ("kvm1", "")])
def test_a_run_for_one_host_takes_no_group(tmp_path: Path, limit: str, told: str):
    host = {"answers": {"pci_passthrough_claim": {"msg": "claimed"}}, "hostdev_domain": "web1", "hostdev_requests": []}
    lay_out(tmp_path, ["pci_passthrough_claim"], {"kvm1": host, "kvm2": host}, {"rack1": {"hosts": {"kvm1": {}}}})
    ended = run(tmp_path, [imported("claim", "all", hostdev_one_host=True)], [f"--limit={limit}"])
    assert told in " ".join(ended.lines)
    assert (ended.code, ended.calls) == ((2, set()) if told else (0, {"pci_passthrough_claim kvm1"}))
