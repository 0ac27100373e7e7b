# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests that are sent to the kernel, and its answers, built as net/core/rtnetlink.c builds them."""

from __future__ import annotations

import errno
import socket
import struct

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import KernelInterfaces, VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.vf_state import VfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import VfSettingsStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, inventory, pf, vf

GETLINK, SETLINK, NEWLINK, ERROR = 18, 19, 16, 2
PF, OTHER_VF, VF = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
SPOOFCHK, TRUST, MAC = 4, 9, 1
STEP = VfSettingsStep(VF, PF, 1, {"trust": False, "spoof_check": True}, {"trust": True, "spoof_check": False})


def part(kind, content):
    data = struct.pack("=HH", 4 + len(content), kind) + content
    return data + bytes(-len(data) % 4)


def pair(kind, index, value):
    return part(kind, struct.pack("=II", index, value))


def message(kind, content):
    return struct.pack("=IHHII", 16 + len(content), kind, 0, 1, 0) + content


def done(number=0):
    return message(ERROR, struct.pack("=i", -number) + bytes(16))


def link(*vfs):
    """An answer about enp1s0 with the attributes of each VF; 0x8000 is NLA_F_NESTED."""
    infos = b"".join(part(0x8000 | 1, attributes) for attributes in vfs)
    return message(NEWLINK, bytes(16) + part(3, b"enp1s0\0") + part(0x8000 | 22, infos))


class Kernel:
    """Gives each request its answers, and keeps the requests."""

    def __init__(self, monkeypatch, *answers):
        self.answers, self.asked = list(answers), []
        monkeypatch.setattr(socket, "socket", lambda *_arguments: self)

    def __enter__(self):
        self.pieces = list(self.answers.pop(0))
        return self

    def __exit__(self, *_error):
        pass

    def settimeout(self, seconds):
        assert seconds > 0

    def send(self, data):
        length, kind, flags, _sequence, _port = struct.unpack_from("=IHHII", data)
        assert length == len(data)
        assert flags & 0x5 == 0x5  # NLM_F_REQUEST and NLM_F_ACK: without it a success would never be told
        self.asked.append((kind, data[32:]))  # what follows nlmsghdr and ifinfomsg

    def recv(self, _size):
        return self.pieces.pop(0)


VF0 = part(MAC, bytes(36)) + pair(SPOOFCHK, 0, 1) + pair(TRUST, 0, 0)
VF1 = part(MAC, bytes(36)) + pair(SPOOFCHK, 1, 0) + pair(TRUST, 1, 1)


def test_settings_of_all_vfs_are_read(monkeypatch):
    kernel = Kernel(monkeypatch, [link(VF0, VF1), done()])
    assert KernelInterfaces().read("enp1s0") == {
        0: {"spoof_check": True, "trust": False},
        1: {"spoof_check": False, "trust": True},
    }
    # IFLA_IFNAME, and IFLA_EXT_MASK with RTEXT_FILTER_VF and RTEXT_FILTER_SKIP_STATS
    assert kernel.asked == [(GETLINK, part(3, b"enp1s0\0") + part(29, struct.pack("=I", 9)))]


def test_what_a_driver_does_not_tell_is_unknown(monkeypatch):
    Kernel(monkeypatch, [link(pair(SPOOFCHK, 0, 0xFFFFFFFF) + pair(TRUST, 0, 1)), done()])
    assert KernelInterfaces().read("enp1s0") == {0: {"spoof_check": None, "trust": True}}


def test_an_interface_without_vfs_has_none(monkeypatch):
    Kernel(monkeypatch, [message(NEWLINK, bytes(16) + part(3, b"enp1s0\0")), done()])
    assert KernelInterfaces().read("enp1s0") == {}


@pytest.mark.parametrize(("flags", "up"), [(0x1002, False), (0x1003, True)])
def test_an_interface_is_up_by_its_flag_whatever_its_cable(monkeypatch, flags, up):
    Kernel(monkeypatch, [message(NEWLINK, struct.pack("=BxHiII", 0, 1, 7, flags, 0)), done()])
    assert KernelInterfaces().is_up("enp1s0") is up


def test_one_setting_is_written_to_one_vf(monkeypatch):
    kernel = Kernel(monkeypatch, [done()])
    KernelInterfaces().write("enp1s0", 3, "trust", True)
    ((kind, attributes),) = kernel.asked
    assert (kind, attributes) == (SETLINK, part(3, b"enp1s0\0") + part(22, part(1, pair(TRUST, 3, 1))))


def test_the_kernels_errno_comes_back(monkeypatch):
    Kernel(monkeypatch, [done(errno.EOPNOTSUPP)])
    with pytest.raises(OSError, match="not supported") as caught:
        KernelInterfaces().write("enp1s0", 0, "spoof_check", False)
    assert caught.value.errno == errno.EOPNOTSUPP


# What is made of it.


class Links:
    def __init__(self, settings, *, stubborn=False, error=None):
        self.settings, self.stubborn, self.error = settings, stubborn, error
        self.log = []

    def read(self, interface):
        assert interface == "enp1s0"
        if self.error:
            raise self.error
        return {index: dict(vf) for index, vf in self.settings.items()}

    def write(self, _interface, index, name, value):
        self.log.append((index, name, value))
        if not self.stubborn:
            self.settings[index][name] = value


@pytest.fixture
def tree(tmp_path):
    pf = tmp_path / f"sys/bus/pci/devices/{PF}"
    (pf / "net/enp1s0").mkdir(parents=True)
    (pf / "virtfn1").symlink_to(f"../{VF}")
    return Tree(str(tmp_path))


def refused(tree, links):
    with pytest.raises(HostdevError) as caught:
        VfSettings(tree, links).apply(STEP)
    assert caught.value.code == "vf_setting_failed"
    return caught.value


def test_only_what_differs_is_written(tree):
    links = Links({1: {"trust": True, "spoof_check": True}})
    VfSettings(tree, links).apply(STEP)
    assert links.log == [(1, "spoof_check", False)]
    VfSettings(tree, links).apply(STEP)
    assert len(links.log) == 1


def test_a_driver_that_takes_a_setting_and_does_not_follow_is_an_error(tree):
    error = refused(tree, Links({1: {"trust": False, "spoof_check": True}}, stubborn=True))
    assert error.found == "the kernel took it, but the driver shows it unchanged"
    assert (error.subject, error.wanted) == ("trust of 0000:01:10.2, VF 1 of 0000:01:00.0", "trust on")


def test_a_vf_that_the_pf_does_not_show_is_an_error(tree):
    error = refused(tree, Links({0: {"trust": False}}))
    assert error.subject == "0000:01:10.2, VF 1 of 0000:01:00.0 (enp1s0)"
    assert error.found == "the driver of the physical function does not show it"


def test_another_vf_at_the_number_is_left_alone(tree, tmp_path):
    link = tmp_path / f"sys/bus/pci/devices/{PF}/virtfn1"
    link.unlink()
    links = Links({1: {"trust": False, "spoof_check": True}})
    assert refused(tree, links).found == "VF 1 of 0000:01:00.0 is not there"
    link.symlink_to("../0000:01:10.4")
    assert refused(tree, links).found == "VF 1 of 0000:01:00.0 is 0000:01:10.4"
    assert links.log == []


def test_a_kernel_that_does_not_answer_is_an_error_with_the_errno(tree):
    error = refused(tree, Links({}, error=OSError(errno.EPERM, "Operation not permitted")))
    assert error.found == "the kernel does not tell its settings: Operation not permitted (errno 1)"


def test_a_pf_without_an_interface_is_named(tmp_path):
    error = refused(Tree(str(tmp_path)), Links({}))
    assert error.found == "0000:01:00.0 has no network interface on the host"


def test_a_setting_that_the_kernel_refuses_is_named_with_its_value_and_why(tree):
    class Refusing(Links):
        def write(self, _interface, _index, name, _value):
            if name == "spoof_check":
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    error = refused(tree, Refusing({1: {"trust": True, "spoof_check": True}}))
    assert (error.subject, error.wanted) == (f"spoof_check of {VF}, VF 1 of {PF}", "spoof_check off")
    assert error.found == (
        f"the kernel refused it: Operation not supported (errno {errno.EOPNOTSUPP}): "
        "the driver of the physical function can't set it"
    )
    assert f"see dmesg for what the driver of {PF} says" in error.remedy


def test_the_state_of_a_vf_has_its_place_its_settings_and_its_pfs_interface(tree):
    class Up(Links):
        def is_up(self, interface):
            return interface == "enp1s0"

    host = inventory(pf(PF, OTHER_VF, VF), vf(OTHER_VF, PF), vf(VF, PF), device("0000:02:00.0"))
    states = VfSettings(tree, Up({0: {"trust": None}, 1: {"trust": True}})).states(
        host, [VF, PF, "0000:02:00.0", "0000:09:00.0"]
    )
    assert states == {VF: VfState(PF, 1, {"trust": True}, "enp1s0", True)}


def test_a_vf_whose_pf_is_not_seen_has_no_state(tree):
    assert VfSettings(tree, Links({})).states(inventory(vf(VF, PF)), [VF]) == {}
