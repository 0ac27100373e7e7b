# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing is half done: every step made to fail, undo made to fail, runs killed in the middle."""

from __future__ import annotations

import errno
import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import RECORD
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import error
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LIVE, UUID, LibvirtError

VF1, VF2 = "0000:01:10.0", "0000:01:10.2"
WANTED = {"name": "nic", "count": 2, "specs": [{"product_id": "10ca"}]}
FULL = HostdevError("record_unwritable", subject="x", found="No space left on device")


class Killed(BaseException):
    """What ends a run at once, with no chance to undo."""


@pytest.fixture
def host(lab_host):
    lab_host.kernel.load_module("vfio-pci")
    lab_host.kernel.log.clear()
    return lab_host


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


# A claim of two VFs writes 2 x 3 times to sysfs, then changes the domain 2 x 2 times.


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("problem", [error(errno.EIO), TimeoutError("process 7 has been writing")])
def test_a_claim_whose_binding_fails_leaves_the_host_as_it_was(host, number, problem):
    before = host.host_state()
    host.kernel.fail(number, problem)
    assert refused(host.claim, WANTED).code in ("bind_failed", "unbind_timeout")
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)
    assert host.claim(WANTED).changed


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_claim_whose_attaching_fails_leaves_the_host_as_it_was(host, number):
    before = host.host_state()
    host.libvirt.fail(number, LibvirtError("internal error: unable to execute QEMU command"))
    failed = refused(host.claim, WANTED)
    assert (failed.code, failed.found) == (
        "attach_failed",
        "libvirt says: internal error: unable to execute QEMU command",
    )
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_release_whose_driver_fails_leaves_the_guest_with_its_devices(host, number):
    host.claim(WANTED)
    before, claims = host.host_state(), host.record["claims"]
    host.kernel.fail(number, error(errno.EIO))
    assert refused(host.release, domain="web1").code == "bind_failed"
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == (claims, None)
    assert host.release(domain="web1").changed


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_release_whose_detaching_fails_leaves_the_guest_with_its_devices(host, number):
    host.claim(WANTED)
    before, claims = host.host_state(), host.record["claims"]
    host.libvirt.fail(number, LibvirtError("device is busy"))
    assert refused(host.release, domain="web1").code == "detach_failed"
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == (claims, None)


def test_a_guest_that_does_not_let_go_keeps_its_device(host):
    host.claim(WANTED)
    before = host.host_state()
    host.libvirt.deaf = True
    failed = refused(host.release, domain="web1")
    assert (failed.code, failed.subject) == ("detach_timeout", "0000:01:10.0 in domain web1")
    assert host.host_state() == before
    assert len(host.record["claims"]) == 1


@pytest.mark.parametrize("call", ["isPersistent", "isActive", "XMLDesc 2", "lookupByUUIDString"])
def test_a_libvirt_that_breaks_after_the_binding_gets_the_drivers_back(host, call):
    before = host.host_state()
    attach = host.domain.attachDeviceFlags

    def breaks(xml, flags):
        attach(xml, flags)
        host.libvirt.fail_call(call, LibvirtError("End of file while reading data", 38))
        return 0

    host.domain.attachDeviceFlags = breaks
    failed = refused(host.claim, WANTED, attach=("config",))
    assert "End of file while reading data" in failed.found
    host.libvirt._hooks.clear()
    del host.domain.attachDeviceFlags
    if host.record["journal"] is not None:
        host.release(domain="web1")
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


# The record can't be written.


def writes(host, monkeypatch, *, fail):
    """Let the writes of these numbers fail, and note how far the journal was at each."""
    seen = []
    write = RecordFile.write

    def counted(self, record):
        seen.append(None if record.journal is None else record.journal.begun)
        if len(seen) in fail:
            raise FULL
        write(self, record)

    monkeypatch.setattr(RecordFile, "write", counted)
    return seen


def test_the_journal_is_on_record_before_the_first_step_and_counts_each_before_it_begins(host, monkeypatch):
    seen = writes(host, monkeypatch, fail=())
    host.claim(WANTED)
    assert seen == [0, 1, 2, 3, 4, 5, 6, None]


def test_a_claim_that_only_changes_the_record_has_no_journal(host, monkeypatch):
    host.claim(WANTED)
    seen = writes(host, monkeypatch, fail=())
    assert host.claim(WANTED, attach=("config",)).changed
    assert seen == [None]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_record_that_can_not_be_written_once_leaves_the_host_as_it_was(host, monkeypatch, number):
    before = host.host_state()
    writes(host, monkeypatch, fail={number})
    assert refused(host.claim, WANTED).code == "record_unwritable"
    assert host.host_state() == before
    if number > 1:
        assert (host.record["claims"], host.record["journal"]) == ([], None)


@pytest.mark.parametrize("number", [2, 5, 8])
def test_a_disk_that_stays_full_leaves_the_host_as_it_was_and_the_next_run_settles_the_journal(
    host, monkeypatch, number
):
    before = host.host_state()
    with monkeypatch.context() as patched:
        writes(host, patched, fail=set(range(number, 100)))
        assert refused(host.claim, WANTED).code == "record_unwritable"
    assert host.host_state() == before
    assert host.release(domain="web1").recovered
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


# The undo fails too.


def test_an_undo_that_fails_keeps_the_journal_and_names_the_commands(host):
    host.kernel.fail(4, error(errno.EBUSY))  # the override of the second VF
    host.kernel.fail(5, error(errno.EIO))  # the override of the first, in the undo
    failed = refused(host.claim, WANTED)
    assert failed.code == "bind_failed"
    assert failed.found.startswith("the kernel refused to set driver_override to vfio-pci: Device or resource busy")
    assert "undoing the steps before it failed as well: 0000:01:10.0: the kernel refused to set" in failed.found
    assert failed.details["undo_failed"]["code"] == "bind_failed"
    assert failed.details["commands"] == [  # the second VF is as it was by now
        "echo igbvf > /sys/bus/pci/devices/0000:01:10.0/driver_override; "
        "echo 0000:01:10.0 > /sys/bus/pci/devices/0000:01:10.0/driver/unbind; "
        "echo 0000:01:10.0 > /sys/bus/pci/drivers_probe; "
        "echo  > /sys/bus/pci/devices/0000:01:10.0/driver_override",
    ]
    assert failed.remedy.endswith(" && ".join(failed.details["commands"]))
    assert (host.record["journal"]["operation"], host.record["journal"]["begun"]) == ("claim", 2)
    assert host.record["claims"] == []


def test_the_run_after_a_failed_undo_finishes_it(host):
    before = host.host_state()
    host.kernel.fail(4, error(errno.EBUSY))
    host.kernel.fail(5, error(errno.EIO))
    refused(host.claim, WANTED)
    assert host.host_state() != before
    outcome = host.release(domain="web1")
    assert outcome.recovered
    assert outcome.changed
    assert outcome.warnings == [
        f"undid an interrupted claim of domain web1 ({UUID}) (2 of 6 steps begun), found in {host.root}{RECORD}"
    ]
    assert host.host_state() == before


# A run is killed: at each write to sysfs, at each change of the domain.


def kill(call, *arguments, **keywords):
    with pytest.raises(Killed):
        call(*arguments, **keywords)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_claim_that_was_killed_while_binding_is_undone_by_the_next_run(host, number):
    before = host.host_state()
    host.kernel.fail(number, Killed())
    kill(host.claim, WANTED)
    assert host.record["journal"]["operation"] == "claim"
    assert host.release(domain="web1").recovered
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_claim_that_was_killed_while_attaching_is_undone_and_made_anew_by_the_next_claim(host, number):
    host.libvirt.fail(number, Killed())
    kill(host.claim, WANTED)
    outcome = host.claim(WANTED)
    assert (outcome.recovered, outcome.changed) == (True, True)
    assert outcome.warnings[0].startswith(
        f"undid an interrupted claim of domain web1 ({UUID}) ({number + 2} of 6 steps"
    )
    assert host.claim(WANTED).changed is False
    host.release(domain="web1")
    assert [host.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_release_that_was_killed_while_detaching_is_finished_by_the_next_run(host, number):
    before = host.host_state()
    host.claim(WANTED)
    host.libvirt.fail(number, Killed())
    kill(host.release, domain="web1")
    assert host.record["journal"]["operation"] == "release"
    outcome = host.release(domain="web1")
    assert outcome.recovered
    assert outcome.warnings[0] == (
        f"finished an interrupted release for domain web1 ({UUID}), found in {host.root}{RECORD}"
    )
    assert host.host_state() == before
    assert (host.record["claims"], host.record["journal"]) == ([], None)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_a_release_that_was_killed_while_restoring_is_finished_by_the_next_run(host, number):
    before = host.host_state()
    host.claim(WANTED)
    host.kernel.fail(number, Killed())
    kill(host.release, domain="web1")
    assert host.release(domain="web1").recovered
    assert host.host_state() == before


def test_a_claim_that_was_killed_is_settled_also_after_a_reboot(host):
    host.libvirt.fail(3, Killed())
    kill(host.claim, WANTED)
    host.reboot()
    assert host.release(domain="web1").recovered
    assert [host.kernel.driver(address) for address in (VF1, VF2)] == ["igbvf", "igbvf"]
    assert VF1.split(":")[2] not in host.domain.xml[2]


def test_check_mode_only_tells_of_an_interrupted_run(host):
    host.kernel.fail(3, Killed())
    kill(host.claim, WANTED)
    before = host.whole_state()
    outcome = host.claim(WANTED, check_mode=True)
    assert outcome.warnings == [
        f"an interrupted claim of domain web1 ({UUID}) is on record; a run without check mode settles it first"
    ]
    assert host.whole_state() == before


def test_an_interrupted_run_is_a_difference_for_an_audit(host):
    """Nothing else tells of it: the devices of a claim that was cut off in its end are on record of nobody."""
    host.kernel.fail(3, Killed())
    kill(host.claim, WANTED)
    assert host.flow(check_mode=True).reconcile().changed
    assert host.flow().reconcile().changed
    assert not host.flow(check_mode=True).reconcile().changed


def test_a_recovery_that_fails_for_a_device_sets_that_aside_and_the_run_goes_on(host):
    host.kernel.fail(3, Killed())
    kill(host.claim, WANTED)
    host.kernel.fail(1, error(errno.EIO))
    outcome = host.release(domain="web1")
    assert outcome.recovered
    assert "It is set aside: nobody gets it until it is mended" in outcome.warnings[1]
    assert host.record["journal"] is None
    assert [aside["code"] for aside in host.record["set_aside"]] == ["bind_failed"]


def test_an_interrupted_claim_of_a_domain_needs_libvirt_to_be_undone(host):
    host.libvirt.fail(2, Killed())
    kill(host.claim, WANTED)
    host.system.domains = None
    failed = refused(host.release, domain="web1")
    assert (failed.code, failed.wanted) == ("no_libvirt", "to detach 0000:01:10.2, config of domain web1")
    assert host.record["journal"] is not None


def test_the_journal_holds_the_whole_plan(host):
    host.kernel.fail(6, Killed())
    kill(host.claim, WANTED)
    journal = Journal.from_dict(json.loads((host.root / RECORD[1:]).read_text())["journal"])
    assert [str(step) for step in journal.plan.steps] == [
        "driver of 0000:01:10.0: igbvf -> vfio-pci",
        "driver of 0000:01:10.2: igbvf -> vfio-pci",
        "attach 0000:01:10.0, config of domain web1",
        "attach 0000:01:10.2, config of domain web1",
        "attach 0000:01:10.0, live of domain web1",
        "attach 0000:01:10.2, live of domain web1",
    ]
    assert (journal.begun, journal.boot_id) == (2, "35680239-fc5e-4f42-82a9-8064fa01c14d")
    assert sorted(journal.plan.after.holdings) == [VF1, VF2]
    assert list(journal.plan.before.holdings) == []


def test_a_running_guest_keeps_what_it_had_besides(host):
    other = '<disk type="file"><target dev="vda"/></disk>'
    host.domain.xml[LIVE] = host.domain.xml[LIVE].replace("</devices>", f"{other}</devices>")
    before = host.host_state()
    host.libvirt.fail(4, LibvirtError("no"))
    refused(host.claim, WANTED)
    assert host.host_state() == before
