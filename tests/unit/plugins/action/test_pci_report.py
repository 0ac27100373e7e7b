# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's options, as Ansible gives them."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.tests.unit.helpers.playing import Site


def test_an_empty_path_is_an_error_and_no_other_file_is_written(tmp_path):
    site = Site(tmp_path)
    site.write("inventory/hosts.yml", {"all": {"hosts": {"kvm1": {}}}})
    asked = [{"html": ""}, {"json": " ", "csv": "facts.csv"}, {"html": "{{ not_told | default(omit) }}"}]
    tasks = [{"kvm.hostdev.pci_report": options, "ignore_errors": True} for options in asked]
    answers = site.play([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert [answer["result"]["msg"] for answer in answers] == [
        "html: found '', wanted the path of a file; give one, or leave html out",
        "json: found ' ', wanted the path of a file; give one, or leave json out",
        # No file is asked for: it is about the host.
        "kvm1: no facts of devices: gather them with kvm.hostdev.pci_facts",
    ]
    assert not (tmp_path / "facts.csv").exists()
