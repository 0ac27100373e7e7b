# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The MTU of VFs: of those with an interface on the host, set there, and given back; of others it is the guest's."""

from __future__ import annotations

import errno
import os

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfs_host import VF, made, refused, without_vfs


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


@pytest.fixture
def bare(host):
    return without_vfs(host)


def folder(host, vf):
    return host.root / "sys/bus/pci/devices" / VF.format(2 * vf)


def mtus(host):
    """By VF; None of one without an interface."""
    files = {vf: list(folder(host, vf).glob("net/*/mtu")) for vf in range(4) if folder(host, vf).exists()}
    return {vf: int(found[0].read_text()) if found else None for vf, found in files.items()}


def mtu(value, *numbers):
    return {vf: {"mtu": value} for vf in numbers}


def test_only_vfs_that_are_named_have_it_and_a_second_run_writes_nothing(bare):
    before = bare.host_state()
    assert bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0, 1), check_mode=True).changed
    assert bare.host_state() == before

    outcome = bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0, 1))
    assert mtus(bare) == {0: 2000, 1: 2000, 2: 1500, 3: 1500}
    assert "VF 0 mtu: 2000\n" in outcome.diff[-1]["after"]
    assert made(bare)[IGB_PF]["wanted"]["vfs"] == {"0": {"mtu": 2000}, "1": {"mtu": 2000}}
    assert not any(" vf " in line for line in bare.links.log), "the PF knows nothing of it"

    bare.links.log.clear()
    record = bare.record
    assert not bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0, 1)).changed
    assert (bare.links.log, bare.record) == ([], record)
    assert bare.set_vfs(4, autoprobe=True, every={"mtu": 3000}).changed
    assert set(mtus(bare).values()) == {3000}
    bare.set_vfs(None)
    assert bare.host_state() == before


def test_check_mode_tells_what_there_was(bare):
    bare.set_vfs(2, autoprobe=True)
    foretold = bare.set_vfs(2, autoprobe=True, vfs=mtu(2000, 1), check_mode=True)
    assert (foretold.diff[-1]["before"], foretold.diff[-1]["after"]) == ("VF 1 mtu: 1500\n", "VF 1 mtu: 2000\n")
    assert foretold.vfs[0].changes[0].command() == (
        f'ip link set dev "$(ls /sys/bus/pci/devices/{IGB_PF}/virtfn1/net | head -n 1)" mtu 2000'
    )
    assert mtus(bare) == {0: 1500, 1: 1500}


def test_vfs_that_no_driver_of_the_host_takes_have_none_to_set(bare):
    before = bare.host_state()
    for check_mode in (True, False):
        error = refused(lambda check_mode=check_mode: bare.set_vfs(2, every={"mtu": 2000}, check_mode=check_mode))
        assert (error.code, error.subject) == ("vf_without_interface", f"mtu of VF 0 of {IGB_PF}")
        assert "autoprobe: false" in error.found
        assert "set autoprobe: true" in error.remedy
        assert "a guest sets the MTU" in error.remedy
    assert bare.host_state() == before
    assert bare.record_or_none() is None


def test_a_vf_that_a_guest_has_is_named_with_it_before_anything_is_written(bare):
    bare.set_vfs(4, autoprobe=True)
    bare.claim({"name": "nic", "address": VF.format(2)})
    bare.links.log.clear()
    error = refused(lambda: bare.set_vfs(4, autoprobe=True, vfs={0: {"trust": True}, **mtu(2000, 0, 1)}))
    assert error.subject == f"mtu of {VF.format(2)}, VF 1 of {IGB_PF}"
    assert error.found.startswith("it is bound to vfio-pci; held by domain web1")
    assert "release it" in error.remedy
    assert bare.links.log == []
    assert bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0)).changed


def test_a_vf_without_a_driver_and_one_in_another_namespace_are_told_apart(bare):
    bare.set_vfs(4, autoprobe=True)
    bare.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF.format(0))
    os.rename(folder(bare, 1) / "net", bare.root / "elsewhere")
    error = refused(lambda: bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0)))
    assert error.found == "it has no driver"
    assert f"echo {VF.format(0)} > /sys/bus/pci/drivers_probe" in error.remedy
    error = refused(lambda: bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 1)))
    assert error.found.startswith("it is bound to igbvf, and has no interface in the host's own network namespace")
    assert "bring its interface back" in error.remedy


def test_what_is_on_record_is_left_while_a_guest_has_the_vf_and_set_once_it_is_back(bare):
    wish = {"autoprobe": True, "every": {"mtu": 2000}}
    bare.set_vfs(4, **wish)
    bare.claim({"name": "nic", "address": VF.format(0)})
    outcome = bare.set_vfs(4, **wish)
    assert not outcome.changed
    (told,) = outcome.warnings
    assert told.startswith(f"mtu of VF 0 of {IGB_PF} is left: it is bound to vfio-pci; held by domain web1")
    bare.release()
    assert mtus(bare)[0] == 1500
    assert bare.set_vfs(4, **wish).changed
    assert mtus(bare)[0] == 2000


def test_what_is_on_record_is_told_of_vfs_that_are_made_anew_without_interfaces(bare):
    bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0))
    outcome = bare.set_vfs(2)
    assert mtus(bare) == {0: None, 1: None}
    assert [told for told in outcome.warnings if "autoprobe: false" in told]


def test_another_number_sets_it_again(bare):
    bare.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0))
    bare.set_vfs(3, autoprobe=True)
    assert mtus(bare) == {0: 2000, 1: 1500, 2: 1500}


@pytest.mark.parametrize("number", [2, 4])
def test_a_later_refusal_leads_it_back(bare, number):
    bare.set_vfs(2, autoprobe=True, vfs=mtu(2000, 0))
    before = bare.host_state()
    bare.links.refused["trust"] = errno.EPERM
    refused(lambda: bare.set_vfs(number, autoprobe=True, vfs={**mtu(3000, 0), 1: {"trust": True, "mtu": 3000}}))
    assert bare.host_state() == before
    assert made(bare)[IGB_PF]["wanted"]["vfs"] == {"0": {"mtu": 2000}}


def test_more_than_the_driver_takes_is_told_with_the_vf_and_led_back(bare):
    bare.set_vfs(2, autoprobe=True)
    before = bare.host_state()
    bare.links.refused["mtu"] = errno.EINVAL
    error = refused(lambda: bare.set_vfs(2, autoprobe=True, vfs={1: {"vlan": 5, "mtu": 65535}}))
    assert (error.code, error.subject) == ("vf_setting_failed", f"mtu of {VF.format(2)} (igbvf)")
    assert "Invalid argument" in error.found
    assert "maxmtu" in error.remedy
    assert bare.host_state() == before


def test_what_a_vf_had_that_was_taken_over_is_put_back(host):
    for vf, value in ((0, 3000), (1, 4000)):
        next(folder(host, vf).glob("net/*/mtu")).write_text(f"{value}\n")
    before = host.host_state()
    host.set_vfs(4, autoprobe=True, take_over=True, vfs=mtu(2000, 0))
    assert mtus(host) == {0: 2000, 1: 4000, 2: 1500, 3: 1500}
    host.set_vfs(None)
    assert host.host_state() == before


def test_vfs_of_others_that_are_made_anew_have_what_they_had(host):
    next(folder(host, 0).glob("net/*/mtu")).write_text("3000\n")
    host.set_vfs(3, autoprobe=True, take_over=True)
    assert mtus(host) == {0: 3000, 1: 1500, 2: 1500}
    host.set_vfs(None)
    assert mtus(host) == {0: 3000, 1: 1500, 2: 1500, 3: 1500}


def test_what_is_put_back_is_how_a_vf_was_that_had_no_interface_as_it_was_taken_over(host):
    host.kernel.store("/sys/bus/pci/drivers/igbvf/unbind", VF.format(0))
    host.set_vfs(4, autoprobe=True, take_over=True)
    host.kernel.store("/sys/bus/pci/drivers_probe", VF.format(0))
    host.set_vfs(4, autoprobe=True, vfs=mtu(2000, 0))
    assert mtus(host)[0] == 2000
    assert host.set_vfs(None).changed
    assert mtus(host)[0] == 1500


def test_giving_back_leaves_the_mtu_of_a_vf_that_a_guest_has(host):
    host.set_vfs(4, autoprobe=True, take_over=True, vfs=mtu(2000, 0))
    host.claim({"name": "nic", "address": VF.format(0)})
    outcome = host.set_vfs(None)
    assert outcome.changed
    assert any(told.startswith(f"mtu of VF 0 of {IGB_PF} is left") for told in outcome.warnings)
    assert not any("run the task again" in told for told in outcome.warnings)


def test_an_interface_that_does_not_come_is_refused_where_it_is_asked_for(bare):
    before = bare.host_state()
    bare.kernel.refuse(VF.format(2), "igbvf")
    error = refused(lambda: bare.set_vfs(2, autoprobe=True, vfs=mtu(2000, 0, 1)))
    assert (error.code, error.subject) == ("vf_without_interface", f"mtu of {VF.format(2)}, VF 1 of {IGB_PF}")
    assert error.found == "it has no driver"
    assert bare.host_state() == before


def test_an_interface_that_comes_late_is_waited_for(bare, monkeypatch):
    """As where udev has yet to load the VFs' driver."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            bare.kernel.lazy = False
            bare.kernel.work()

    monkeypatch.setattr(bare.tree, "may_hang", True)
    monkeypatch.setattr("time.sleep", pause)
    bare.kernel.lazy = True
    bare.set_vfs(2, autoprobe=True, vfs=mtu(2000, 0, 1))
    assert len(pauses) == 3
    assert mtus(bare) == {0: 2000, 1: 2000}


def test_it_is_set_again_once_the_host_is_started_anew(bare):
    bare.set_vfs(2, autoprobe=True, vfs=mtu(2000, 1), persist=True)
    Reboots(bare).start()
    restore = restored(bare)
    assert not restore.failed
    assert (restore.warnings, mtus(bare)) == ([], {0: 1500, 1: 2000})


def test_a_vf_without_an_interface_as_the_host_starts_keeps_nothing_from_coming_back(bare):
    bare.set_vfs(2, autoprobe=True, vfs={**mtu(2000, 0, 1), 0: {"vlan": 7, "mtu": 2000}}, persist=True)
    Reboots(bare).start()
    bare.kernel.refuse(VF.format(0), "igbvf")
    restore = restored(bare)
    assert not restore.failed
    assert mtus(bare) == {0: None, 1: 2000}
    assert bare.links.settings[bare.links.interface][0]["vlan"] == 7
    (told,) = restore.warnings
    assert told.startswith(f"mtu of VF 0 of {IGB_PF} is left: it has no driver; run the task again")
    assert made(bare)[IGB_PF]["wanted"]["vfs"]["0"]["mtu"] == 2000
