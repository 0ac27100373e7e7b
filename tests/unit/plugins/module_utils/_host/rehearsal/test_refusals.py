# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever would change a recorded host refuses."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.sysfs_writer import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.rehearsal.connection import (
    Domain,
    NodeDevice,
    RecordedBinding,
    RecordedConnection,
    RecordedError,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.rehearsal.host import (
    RecordedDomains,
    RecordedPfs,
    RecordedRecord,
    RecordedVfSettings,
    Refusal,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.rehearsal.tree import RecordedTree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.recording import (
    RecordedDomain,
    RecordedLibvirt,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change import rehearsing
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml

LIBVIRT = RecordedLibvirt(
    "qemu:///system",
    "QEMU",
    11003000,
    10000003,
    (RecordedDomain("web1", UUID, domain_xml(), None),),
    (("computer", "<device/>"),),
)


@pytest.mark.parametrize(
    "act",
    [
        lambda: Refusal("the drivers").bind("0000:01:10.0", "vfio-pci"),
        Refusal("the drivers"),
        lambda: RecordedVfSettings({}).apply(None),
        lambda: RecordedPfs({}).drive("0000:01:00.0", None, {}, None),
        lambda: RecordedRecord(None, "x", parse_record).write(Record()),
        lambda: RecordedRecord(None, "x", parse_record).mend(),
        *(
            lambda name=name: getattr(RecordedDomains(RecordedConnection(LIBVIRT), RecordedError), name)(UUID)
            for name in vars(DomainChanges)
            if not name.startswith("_") and name != "autostarting"
        ),
    ],
)
def test_it_is_an_error_that_says_so(act):
    with pytest.raises(HostdevError, match="rehearsal") as caught:
        act()
    assert caught.value.code == "rehearsal"


@pytest.mark.parametrize(
    ("made", "method"),
    [
        (RecordedConnection(LIBVIRT), "defineXML"),
        (RecordedConnection(LIBVIRT), "nodeDeviceCreateXML"),
        (Domain(LIBVIRT.domains[0]), "attachDeviceFlags"),
        (Domain(LIBVIRT.domains[0]), "destroy"),
        (NodeDevice("computer", "<device/>"), "detachFlags"),
    ],
)
def test_what_libvirt_could_do_a_recorded_one_refuses(made, method):
    with pytest.raises(RecordedError, match=f"{method}: this is a rehearsal"):
        getattr(made, method)("<device/>", 0)
    with pytest.raises(RecordedError, match="no libvirt to connect to"):
        RecordedBinding.open("qemu:///system")


def test_a_pf_that_could_not_be_asked_says_so_and_an_e_switch_is_told_when_it_is_asked_for():
    pfs = RecordedPfs({"0000:01:00.0": PfState(4, eswitch="legacy")})
    assert pfs.state("0000:01:00.0") == PfState(4)
    assert pfs.state("0000:01:00.0", eswitch=True) == PfState(4, eswitch="legacy")
    with pytest.raises(HostdevError, match="could not be asked when the host was recorded") as caught:
        pfs.state("0000:02:00.0")
    assert caught.value.code == "vf_setting_failed"


def test_a_writer_finds_nothing_to_write_to(folder):
    tree = RecordedTree({"sys": {"bus": {"pci": {"drivers_probe": None}}}})
    with pytest.raises(FileNotFoundError, match="a recorded host has no files here"):
        SysfsWriter(tree)("/sys/bus/pci/drivers_probe", "0000:01:10.0", 1.0)


def test_a_flow_that_forgot_check_mode_gets_nowhere(monkeypatch):
    """Should a defect ever let a run on a recording go on where check mode stops, it ends before the lock."""
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.recording import Recording
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ReleaseWish

    host = types.SimpleNamespace(
        recording=Recording({}, libvirt=LIBVIRT),
        record=RecordedRecord(None, "x", parse_record),
        connect=lambda required: (
            types.SimpleNamespace(handle=RecordedConnection(LIBVIRT), error=RecordedError),
            "",
        ),
    )
    monkeypatch.setattr(rehearsing, "recorded_host", lambda _path, _parse: host)
    module = types.SimpleNamespace(check_mode=True, params={"recording": "x", "on_detach_timeout": "fail"})
    flow = rehearsing.rehearsal(module, needs_libvirt=True)
    assert flow.release(ReleaseWish("web1")).changed is False
    flow._check_mode = False
    with pytest.raises((HostdevError, OSError)):
        flow.release(ReleaseWish("web1"))
    module.check_mode = False
    with pytest.raises(HostdevError, match="check_mode: true"):
        rehearsing.rehearsal(module, needs_libvirt=True)
