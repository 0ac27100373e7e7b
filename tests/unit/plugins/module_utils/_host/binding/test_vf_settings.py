# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust and spoof check of VFs, as a plan's steps want them."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.pf_link import PfLink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.vf_state import VfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import VfSettingsStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, inventory, pf, vf

PF, OTHER_VF, VF = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
STEP = VfSettingsStep(VF, PF, 1, {"trust": False, "spoof_check": True}, {"trust": True, "spoof_check": False})


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / f"sys/bus/pci/devices/{PF}"
    (folder / "net/enp1s0").mkdir(parents=True)
    (folder / "virtfn1").symlink_to(f"../{VF}")
    return Tree(str(tmp_path))


@pytest.fixture
def ip():
    return FakeIp("enp1s0", 2)


def settings(tree, ip):
    return VfSettings(tree, ip, lambda tree, pf, ip: PfLink(tree, pf, ip, ()))


def refused(tree, ip, step=STEP):
    with pytest.raises(HostdevError) as caught:
        settings(tree, ip).apply(step)
    assert caught.value.code == "vf_setting_failed"
    return caught.value


def test_only_what_differs_is_written(tree, ip):
    ip.settings["enp1s0"][1]["trust"] = True
    settings(tree, ip).apply(STEP)
    assert ip.log == ["enp1s0 vf 1 spoofchk off"]
    settings(tree, ip).apply(STEP)
    assert len(ip.log) == 1


def test_another_vf_at_the_number_is_left_alone(tree, ip, tmp_path):
    link = tmp_path / f"sys/bus/pci/devices/{PF}/virtfn1"
    link.unlink()
    assert refused(tree, ip).found == "VF 1 of 0000:01:00.0 is not there"
    link.symlink_to("../0000:01:10.4")
    assert refused(tree, ip).found == "VF 1 of 0000:01:00.0 is 0000:01:10.4"
    assert ip.log == []


def test_a_setting_that_is_refused_says_which_option_to_leave_out(tree, ip):
    ip.refused["spoof_check"] = errno.EOPNOTSUPP
    error = refused(tree, ip)
    assert (error.subject, error.wanted) == (
        f"spoof_check of {VF}, VF 1 of {PF} (enp1s0, no driver)",
        "spoof_check off",
    )
    assert error.remedy == (
        f"take network.spoof_check out of the request, or see dmesg for what the driver of {PF} says"
    )


def test_a_pf_that_does_not_answer_keeps_its_own_remedy(tree, ip):
    ip.hangs = "set"
    assert "network." not in refused(tree, ip).remedy


def test_the_state_of_a_vf_has_the_number_of_its_link_and_its_pfs_interface(tree, ip):
    """The PF has lost VF 0 meanwhile: the place among those that are left is not the number."""
    host = inventory(pf(PF, VF), vf(VF, PF), device("0000:02:00.0"))
    ip.settings["enp1s0"][1]["trust"] = True
    ip.online = False
    states = settings(tree, ip).states(host, [VF, PF, "0000:02:00.0", "0000:09:00.0"])
    assert states == {VF: VfState(PF, 1, {"trust": True, "spoof_check": True}, "enp1s0", False)}


def test_the_other_vfs_of_its_pf_are_told_of_with_it_as_far_as_they_show(tree, tmp_path, ip):
    host = inventory(pf(PF, VF), vf(VF, PF))
    (tmp_path / f"sys/bus/pci/devices/{PF}/virtfn0").symlink_to(f"../{OTHER_VF}")
    assert settings(tree, ip).states(host, [VF]).keys() == {VF, OTHER_VF}
    ip.hidden[0] = 99
    assert settings(tree, ip).states(host, [VF]).keys() == {VF}


def test_a_vf_without_a_link_is_an_error(tree, ip):
    host = inventory(pf(PF, OTHER_VF, VF), vf(OTHER_VF, PF), vf(VF, PF))
    with pytest.raises(HostdevError) as caught:
        settings(tree, ip).states(host, [OTHER_VF])
    assert (caught.value.code, caught.value.found) == ("vf_not_shown", f"{PF} has no link to it")


def test_a_vf_whose_pf_is_not_seen_has_no_state(tree, ip):
    assert settings(tree, ip).states(inventory(vf(VF, PF)), [VF]) == {}
