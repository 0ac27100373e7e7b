# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
import types

import pytest
from ansible.module_utils.common import respawn as ansible_respawn

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._module import libvirt as libvirt_module
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.changing import load_module
from ansible_collections.kvm.hostdev.plugins.module_utils._module.libvirt import (
    Libvirt,
    check_local,
    connect,
    find_binding,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._module.missing_binding import package
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import FakeLibvirt, LibvirtError, Script
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner

BINDING = types.SimpleNamespace(libvirtError=LibvirtError)


class Module:
    """What load_module and find_binding use of AnsibleModule."""

    def __init__(self, modprobe="/sbin/modprobe", status=0, **params):
        self.params = params
        self.modprobe, self.status, self.commands = modprobe, status, []

    def get_bin_path(self, name, opt_dirs):
        assert (name, opt_dirs) == ("modprobe", ["/sbin", "/usr/sbin"])
        return self.modprobe

    def run_command(self, command, *, handle_exceptions):
        assert not handle_exceptions  # else Ansible ends the task by itself
        self.commands.append(command)
        if isinstance(self.status, OSError):
            raise self.status
        return self.status, "", ""


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    return Runner(lab_host, monkeypatch, capsys)


@pytest.mark.parametrize(
    "uri", ["qemu:///system", "qemu:///session", "qemu+unix:///system", "test:///default", "xen:///"]
)
def test_local_uris_are_fine(uri):
    check_local(uri)


@pytest.mark.parametrize("uri", ["qemu+ssh://other/system", "qemu://other/system", "qemu+tcp:///system"])
def test_uris_of_other_hosts_are_refused(uri):
    with pytest.raises(HostdevError) as caught:
        check_local(uri)
    assert (caught.value.code, caught.value.subject) == ("remote_uri", f"uri {uri}")


@pytest.mark.parametrize("uri", ["", "prod", "my-host_2", "/system", "//other/system", "qemu://[x/system", "[::1"])
def test_a_uri_without_a_driver_may_lead_anywhere_and_is_refused(uri):
    """An alias of libvirt.conf, and the empty URI that stands for the environment's and the configuration's default."""
    with pytest.raises(HostdevError) as caught:
        check_local(uri)
    assert caught.value.code == "remote_uri"


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("uri", ["prod", "", "qemu+ssh://other/system", "qemu+libssh2://me@other/system"])
def test_nothing_is_opened_that_may_lead_to_another_host(runner, uri, required):
    with pytest.raises(HostdevError) as caught:
        connect(uri, required=required)
    assert caught.value.code == "remote_uri"
    assert runner.opened == []


@pytest.mark.parametrize("uri", ["prod", ""])
def test_facts_open_no_connection_that_may_lead_to_another_host(runner, uri):
    _status, result = runner.run("pci_facts", uri=uri)
    assert result["error"]["code"] == "remote_uri"
    assert runner.opened == []


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("getHostname", "other.example.com"),
        ("getURI", "qemu+ssh://other/system"),
        ("getURI", "esx://other/?no_verify=1"),
    ],
)
def test_a_connection_that_says_it_is_another_hosts_is_closed_and_refused(runner, what, answer, required):
    closed = []
    setattr(runner.host.libvirt, what, lambda: answer)
    runner.host.libvirt.close = lambda: closed.append(True)
    with pytest.raises(HostdevError) as caught:
        connect("qemu:///system?socket=/run/forwarded", required=required)
    assert caught.value.code == "remote_uri"
    assert "other" in caught.value.message
    assert closed == [True]


@pytest.mark.parametrize("name", ["{}", "{}.example.com", "{}.", "CANONICAL.example.com"])
def test_a_connection_may_have_another_form_of_this_hosts_name(runner, monkeypatch, name):
    monkeypatch.setattr(
        libvirt_module.socket, "getaddrinfo", lambda *_asked, **_flags: [(2, 1, 6, "canonical.example.net", ())]
    )
    runner.host.libvirt.getHostname = lambda: name.format(os.uname().nodename.partition(".")[0].upper())
    assert connect("qemu:///system", required=True)[0] is not None


def test_a_name_that_does_not_resolve_is_not_this_hosts(runner, monkeypatch):
    def fail(*_asked, **_flags):
        raise OSError("Name or service not known")

    monkeypatch.setattr(libvirt_module.socket, "getaddrinfo", fail)
    runner.host.libvirt.getHostname = lambda: "other"
    with pytest.raises(HostdevError):
        connect("qemu:///system", required=True)


def test_a_connection_is_opened_to_the_uri(runner):
    connection, reason = connect("qemu:///system", required=True)
    assert runner.opened == ["qemu:///system"]
    assert connection is not None
    assert (connection.handle, connection.error, connection.uri) == (
        runner.host.libvirt,
        LibvirtError,
        "qemu:///system",
    )
    assert reason == ""


def test_a_connection_that_is_refused_is_an_error_only_where_it_is_required(runner):
    runner.open_error = LibvirtError("Failed to connect socket to '/var/run/libvirt/virtqemud-sock'")
    assert connect("qemu:///system", required=False) == (
        None,
        "Failed to connect socket to '/var/run/libvirt/virtqemud-sock'",
    )
    with pytest.raises(HostdevError) as caught:
        connect("qemu:///system", required=True)
    assert (caught.value.code, caught.value.subject) == ("no_libvirt", "libvirt at qemu:///system")
    assert caught.value.found == "Failed to connect socket to '/var/run/libvirt/virtqemud-sock'"


def test_a_missing_binding_is_an_error_only_where_it_is_required(runner):
    runner.without_binding()
    connection, reason = connect("qemu:///system", required=False)
    assert connection is None
    assert reason.startswith(f"libvirt's Python binding: {sys.executable} can't import it")
    with pytest.raises(HostdevError) as caught:
        connect("qemu:///system", required=True)
    assert (caught.value.code, caught.value.message) == ("libvirt_python_missing", reason)


@pytest.mark.parametrize(
    ("release", "wanted"),
    [
        ("ID=debian\n", "python3-libvirt"),
        ("ID=ubuntu\nID_LIKE=debian\n", "python3-libvirt"),
        ('NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n', "python3-libvirt"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "python3-libvirt-python"),
        ("ID='sles'\nID_LIKE='suse'\n", "python3-libvirt-python"),
        ("ID=arch\n", "libvirt-python"),
    ],
)
def test_the_package_of_the_binding_is_the_distributions_own(tmp_path, release, wanted):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release, encoding="utf-8")
    assert package(Tree(str(tmp_path))) == wanted


@pytest.mark.parametrize("release", ["", "ID=plan9\n", "no assignment\n"])
def test_an_unknown_distribution_is_told_all_names(tmp_path, release):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release, encoding="utf-8")
    for told in (package(Tree(str(tmp_path))), package(Tree(str(tmp_path / "nowhere")))):
        assert told.startswith("python3-libvirt (Debian, Ubuntu, Fedora, RHEL), or python3-libvirt-python (SUSE), or")


def test_a_python_that_can_not_be_started_is_no_end_of_the_task(runner, monkeypatch):
    def probe(_paths, _name):
        raise PermissionError(13, "Permission denied")

    runner.without_binding()
    monkeypatch.setattr(ansible_respawn, "probe_interpreters_for_module", probe)
    find_binding(Module())


def test_the_module_starts_anew_under_the_systems_python_that_has_the_binding(runner, monkeypatch):
    class RespawnError(Exception):
        pass

    asked = []

    def probe(paths, name):
        asked.append((paths, name))
        return "/usr/bin/python3"

    def respawn(interpreter):
        raise RespawnError(interpreter)

    runner.without_binding()
    monkeypatch.setattr(ansible_respawn, "probe_interpreters_for_module", probe)
    monkeypatch.setattr(ansible_respawn, "respawn_module", respawn)
    with pytest.raises(RespawnError, match="/usr/bin/python3"):
        find_binding(Module())
    assert asked == [(("/usr/libexec/platform-python", "/usr/bin/python3", "/usr/bin/python"), "libvirt")]


def test_a_rehearsal_needs_no_python_with_the_binding(runner, monkeypatch):
    def probe(_paths, _name):
        pytest.fail("it was looked for")

    runner.without_binding()
    monkeypatch.setattr(ansible_respawn, "probe_interpreters_for_module", probe)
    find_binding(Module(recording="recordings/kvm1.json.gz"))


def test_a_module_that_was_started_anew_does_not_do_so_again(runner, monkeypatch):
    runner.without_binding()
    monkeypatch.setattr(ansible_respawn, "has_respawned", lambda: True)
    monkeypatch.setattr(ansible_respawn, "probe_interpreters_for_module", lambda _paths, _name: "/usr/bin/python3")
    find_binding(Module())
    assert connect("qemu:///system", required=False)[0] is None


def test_versions_are_told_with_dots():
    assert Libvirt(FakeLibvirt(), BINDING, "qemu:///system").versions() == {
        "libvirt_version": "11.3.0",
        "hypervisor": "QEMU",
        "hypervisor_version": "10.0.3",
    }


def test_a_hypervisor_without_a_version_is_left_out():
    with Script(
        ("connection", "getLibVersion", (), 9000001),
        ("connection", "getType", (), "TEST"),
        ("connection", "getVersion", (), LibvirtError("not supported")),
    ) as script:
        versions = Libvirt(script.object("connection"), BINDING, "test:///default").versions()
    assert versions == {"libvirt_version": "9.0.1", "hypervisor": "TEST"}


def test_modules_are_loaded_with_modprobe():
    module = Module()
    assert load_module(module, "vfio-pci")
    assert module.commands == [["/sbin/modprobe", "--", "vfio-pci"]]


def test_a_modprobe_that_fails_or_is_not_there_loaded_nothing():
    assert not load_module(Module(status=1), "vfio-pci")
    assert not load_module(Module(status=OSError(12, "Cannot allocate memory")), "vfio-pci")
    module = Module(modprobe=None)
    assert not load_module(module, "vfio-pci")
    assert module.commands == []
