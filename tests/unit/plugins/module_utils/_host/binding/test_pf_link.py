# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of VFs through a PF's interface, with an `ip` that is as moody as the drivers behind it."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Answer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.pf_link import PfLink, vfs_of
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import LinkSettings
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp

PF = "0000:01:00.0"
MAC = "52:54:00:12:34:56"
PAUSES = (0.1, 0.2, 0.4)
ON_TRUST = LinkSettings(trust=True)


class Host:
    def __init__(self, folder, driver="igb", vfs=4):
        self.folder = folder / f"sys/bus/pci/devices/{PF}"
        (self.folder / "net/enp1s0").mkdir(parents=True)
        (self.folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
        for number in range(vfs):
            (self.folder / f"virtfn{number}").symlink_to(f"../0000:01:10.{2 * number}")
        self.ip = FakeIp("enp1s0", vfs)
        self.slept = []
        self.tree = Tree(str(folder))

    @property
    def link(self):
        return PfLink(self.tree, PF, self.ip, PAUSES, self.slept.append)

    def shown(self, number):
        return self.link.showing([number]).vfs[number]

    @property
    def vf(self):
        return self.ip.settings["enp1s0"][1]

    @property
    def written(self):
        return [entry.partition(" vf 1 ")[2] for entry in self.ip.log]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def refused(call, *arguments):
    with pytest.raises(HostdevError) as caught:
        call(*arguments)
    return caught.value


def test_all_vfs_are_read_in_one_call(host):
    link = host.link.read()
    assert (list(link.vfs), link.up, host.slept) == ([0, 1, 2, 3], True, [])
    assert link.vfs[1] == LinkSettings("00:00:00:00:00:00", 0, 0, "802.1Q", 0, 0, True, False, "auto")


def test_a_vf_that_the_driver_leaves_out_is_asked_for_again(host):
    host.ip.hidden[1] = 2
    assert host.shown(1).trust is False
    assert host.slept == [0.1, 0.2]


def test_a_vf_that_stays_away_is_an_error_of_its_own(host):
    host.ip.hidden[1] = 99
    error = refused(host.shown, 1)
    assert (error.code, error.subject) == ("vf_not_shown", f"0000:01:10.2, VF 1 of {PF} (enp1s0, igb)")
    assert error.found == "the driver of the physical function does not show it, for 1 s"
    assert host.slept == list(PAUSES)


def test_a_vf_that_is_not_there_is_not_waited_for(host):
    error = refused(host.shown, 4)
    assert (error.code, error.found, host.slept) == ("vf_not_shown", f"{PF} has no such VF", [])


def test_a_list_that_was_cut_is_told_and_not_waited_for(host):
    host.ip.shown_most = 2
    assert host.shown(1)
    error = refused(host.shown, 3)
    assert (error.code, host.slept) == ("vf_not_shown", [])
    assert error.found == "the kernel's list of VFs is cut: it has room for about 220"


def test_the_interface_is_the_pfs_own_and_none_of_the_e_switch(host):
    net = host.folder / "net"
    for name, port in {"aaa": "pf0vf3", "bbb": "p0sf88", "ccc": "c1pf0", "zzz": "p0"}.items():
        (net / name).mkdir()
        (net / name / "phys_port_name").write_text(f"{port}\n")
    (net / "enp1s0/phys_port_name").write_text("pf0vf0\n")
    assert host.link.interface == "zzz"
    (net / "enp1s0/phys_port_name").write_text("\n")
    assert host.link.interface == "enp1s0"


def test_a_pf_without_an_interface_is_named(host):
    (host.folder / "net/enp1s0").rmdir()
    error = refused(host.link.read)
    assert error.found == f"{PF} has no network interface on the host"
    assert error.subject == f"{PF} (driver igb)"


def test_settings_are_made_in_order_and_read_back(host):
    host.link.bring({1: LinkSettings(MAC, 100, 3, None, None, 200, None, True)})
    assert host.written == [
        "vlan 100 qos 3",
        "spoofchk off",
        f"mac {MAC}",
        "max_tx_rate 200 min_tx_rate 0",
        "spoofchk on",
        "trust on",
    ]
    assert host.shown(1) == LinkSettings(MAC, 100, 3, "802.1Q", 0, 200, True, True, "auto")
    host.ip.log.clear()
    host.link.bring({1: LinkSettings(MAC, 100, 3, None, None, 200, None, True)})
    assert host.ip.log == []


def test_all_vfs_are_set_between_two_readings(host):
    host.link.bring({number: LinkSettings(MAC[:-1] + str(number), 100 + number) for number in range(4)})
    assert host.ip.readings == 2
    assert [host.shown(number).vlan for number in range(4)] == [100, 101, 102, 103]


def test_a_vf_whose_setting_is_refused_ends_it_and_is_named(host):
    """Those before it keep theirs, and those behind it are left."""
    host.ip.settings["enp1s0"].pop(2)
    (host.folder / "virtfn2").unlink()
    assert refused(host.link.bring, dict.fromkeys(range(4), ON_TRUST)).subject.startswith(f"VF 2 of {PF}")
    assert host.ip.log == []
    host.vf["trust"] = True
    host.ip.busy = [0, errno.EPERM]
    error = refused(host.link.bring, dict.fromkeys((0, 1, 3), LinkSettings(vlan=7, trust=True)))
    assert error.subject == f"trust of 0000:01:10.0, VF 0 of {PF} (enp1s0, igb)"
    assert [host.ip.settings["enp1s0"][number]["vlan"] for number in (0, 1, 3)] == [7, 0, 0]


def test_of_many_vfs_the_one_that_does_not_follow_is_named(host):
    host.ip.stubborn.add("trust")
    host.vf["trust"] = True
    error = refused(host.link.bring, {1: ON_TRUST, 3: ON_TRUST, 2: LinkSettings(vlan=7)})
    assert error.subject == f"trust of 0000:01:10.6, VF 3 of {PF} (enp1s0, igb)"
    assert host.slept == list(PAUSES)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EBUSY])
def test_a_driver_that_is_busy_is_asked_again(host, number):
    host.ip.busy = [number, number]
    host.link.bring({1: ON_TRUST})
    assert (host.written, host.slept, host.vf["trust"]) == (["trust on"] * 3, [0.1, 0.2], True)


def test_a_driver_that_stays_busy_is_an_error(host):
    host.ip.busy = [errno.EAGAIN] * 9
    error = refused(host.link.bring, {1: ON_TRUST})
    assert error.found.startswith("the kernel refused it: RTNETLINK answers: Resource temporarily unavailable")
    assert host.slept == list(PAUSES)


def test_a_vf_that_is_reset_by_its_address_is_waited_for(tmp_path):
    host = Host(tmp_path, "i40e")
    host.ip.resetting = {"mac": 2}
    host.link.bring({1: LinkSettings(mac=MAC, trust=True)})
    assert host.vf["mac"] == MAC
    assert (host.vf["trust"], host.vf["spoof_check"]) == (True, True)
    assert host.slept == [0.1, 0.2]


def test_a_refusal_names_vf_setting_driver_and_what_is_known(host):
    host.ip.refused["link_state"] = errno.EOPNOTSUPP
    error = refused(host.link.bring, {1: LinkSettings(vlan=7, link_state="enable")})
    assert (error.code, error.details) == ("vf_setting_failed", {"setting": "link_state"})
    assert error.subject == f"link_state of 0000:01:10.2, VF 1 of {PF} (enp1s0, igb)"
    assert error.found == (
        "the kernel refused it: RTNETLINK answers: Operation not supported: the driver of the physical function can't "
        "set it; the driver igb refuses it: it has no link state of VFs"
    )
    assert error.wanted == "link_state enable"
    assert host.slept == []


def test_of_settings_that_go_together_the_one_that_is_never_taken_is_named(host):
    host.ip.refused["min_tx_rate"] = errno.EINVAL
    error = refused(host.link.bring, {1: LinkSettings(min_tx_rate=40, max_tx_rate=100)})
    assert (error.details["setting"], error.wanted) == ("min_tx_rate", "max_tx_rate 100, min_tx_rate 40")


def test_what_is_known_of_a_driver_is_told_where_it_need_not_refuse(host):
    host.ip.refused["max_tx_rate"] = errno.EINVAL
    error = refused(host.link.bring, {1: LinkSettings(max_tx_rate=2000)})
    assert error.found.endswith(
        "of the driver igb is known: it has rates on the 82576 only, up to the link's speed, while the link is up"
    )


def test_what_ip_itself_refuses_is_told_in_its_words(host):
    error = refused(host.link.bring, {1: LinkSettings(vlan=4096)})
    assert 'Error: argument "4096" is wrong' in error.found


def test_a_refused_address_leaves_the_spoof_check_on(host):
    host.ip.refused["mac"] = errno.EINVAL
    error = refused(host.link.bring, {1: LinkSettings(mac=MAC)})
    assert error.subject.startswith("mac of ")
    assert host.written == ["spoofchk off", f"mac {MAC}", "spoofchk on"]
    assert host.vf["spoof_check"] is True


def test_a_setting_refused_after_the_spoof_check_is_on_again_writes_no_more(host):
    host.ip.refused["trust"] = errno.EPERM
    refused(host.link.bring, {1: LinkSettings(mac=MAC, trust=True)})
    assert host.written[-1] == "trust on"


def test_igb_checks_no_longer_what_it_shows_as_off(host):
    host.link.bring({1: LinkSettings(spoof_check=False)})
    host.ip.restart_pf()
    assert (host.vf["spoof_check"], host.ip.hardware[1]) == (False, True)
    host.link.bring({1: LinkSettings(spoof_check=False)})
    assert host.ip.hardware[1] is False


def test_a_limit_that_qede_keeps_is_an_error(tmp_path):
    host = Host(tmp_path, "qede")
    host.vf["max_tx_rate"] = 100
    host.ip.keeps_rates = True
    error = refused(host.link.bring, {1: LinkSettings(max_tx_rate=0)})
    assert error.found.startswith("the kernel took it, but the driver shows min_tx_rate 0, max_tx_rate 100; ")
    assert "ignores rate 0" in error.found


def test_a_setting_that_a_driver_makes_later_is_waited_for(tmp_path):
    host = Host(tmp_path, "qede")
    host.ip.late["trust"] = 2
    host.link.bring({1: ON_TRUST})
    assert (host.written, host.slept) == (["trust on"], [0.1, 0.2])


def test_a_setting_that_is_taken_and_not_followed_is_an_error(host):
    host.ip.stubborn.add("trust")
    error = refused(host.link.bring, {1: ON_TRUST})
    assert error.found == "the kernel took it, but the driver shows trust off"


def test_a_setting_that_a_driver_takes_and_does_not_show_is_an_error(host):
    host.ip.untold.add("trust")
    assert refused(host.link.bring, {1: ON_TRUST}).found == "the kernel took it, but the driver shows nothing"


def test_an_address_is_written_anew_where_that_is_asked_for(host):
    host.vf["mac"] = MAC
    host.vf["spoof_check"] = False
    host.link.bring({1: LinkSettings(mac=MAC)}, {"mac"})
    assert host.written == [f"mac {MAC}"]


@pytest.mark.parametrize("word", ["show", "set"])
def test_ip_that_hangs_is_an_error_that_names_the_process(host, word):
    host.ip.hangs = word
    error = refused(host.link.bring, {1: ON_TRUST})
    assert error.found.startswith("process 4711, in state D has been running ip ")
    assert error.subject == f"{PF} (driver igb)"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (Answer(1, "", "Device does not exist."), "ip answered with code 1: Device does not exist."),
        (Answer(0, "", ""), "the kernel does not tell its settings: ip wrote nothing"),
        (Answer(0, "[7]", ""), "the kernel does not tell its settings"),
        (Answer(0, '{"ifname": 1}', ""), "the kernel does not tell its settings"),
    ],
)
def test_an_answer_that_says_nothing_is_an_error(host, answer, found):
    link = PfLink(host.tree, PF, lambda _words: answer)
    assert refused(link.read).found.startswith(found)


def test_a_host_without_iproute2_is_told_to_install_it(host):
    def missing(_words):
        raise FileNotFoundError("no program ip in /sbin")

    error = refused(PfLink(host.tree, PF, missing).read)
    assert error.found == "ip can't be run: no program ip in /sbin"
    assert "install iproute2" in error.remedy


def test_numbers_of_vfs_are_those_of_their_links(host):
    (host.folder / "virtfn0").unlink()
    (host.folder / "virtfn10").symlink_to("../0000:01:12.4")
    assert vfs_of(host.tree, PF) == {1: "0000:01:10.2", 2: "0000:01:10.4", 3: "0000:01:10.6", 10: "0000:01:12.4"}
