# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of pci_sriov, before anything of the host is looked at."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.sriov import set_vfs


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("empty", ["", " "])
@pytest.mark.parametrize("option", ["address", "devname"])
def test_a_template_that_came_out_empty_does_not_mean_all_cards(option, empty, state):
    params = {"address": None, "devname": None, "specs": None, "state": state, "number": None, option: empty}
    with pytest.raises(HostdevError) as caught:
        set_vfs(types.SimpleNamespace(params=params))
    assert (caught.value.subject, caught.value.found) == (option, "it is empty")


@pytest.mark.parametrize(("option", "value"), [("number", 4), ("vfs", [{"vf": 0, "vlan": 5}])])
def test_what_absent_can_t_be_told_is_refused_by_its_name(option, value):
    params = {"address": "0000:01:00.0", "specs": None, "state": "absent", "number": None, "vfs": [], option: value}
    with pytest.raises(HostdevError, match="with state: absent") as caught:
        set_vfs(types.SimpleNamespace(params=params))
    assert (caught.value.subject, caught.value.remedy.startswith(f"take {option} out")) == (option, True)
