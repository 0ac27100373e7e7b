# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exact calls to libvirt, and what is made of its answers."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.domains import Domains
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain_uses import uses_by_address
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import DomainUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import HostdevStep
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import (
    NO_DOMAIN,
    OTHER_UUID,
    UUID,
    FakeLibvirt,
    Handle,
    LibvirtError,
    Script,
    domain_xml,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, domain

A = "0000:01:10.0"
XML = hostdev_xml(A, managed=True)
PLACE = '<address type="pci" domain="0x0000" bus="0x03" slot="0x00" function="0x0" />'
PLACED = hostdev_xml(A, managed=True, guest_address=PLACE)
EMPTY = domain_xml()
WITH = domain_xml(XML)
ENTER_CONFIG = HostdevStep(A, "web1", UUID, "config", None, XML)
ENTER_LIVE = HostdevStep(A, "web1", UUID, "live", None, XML)
LEAVE_CONFIG, LEAVE_LIVE = ENTER_CONFIG.inverse(), ENTER_LIVE.inverse()
GONE = LibvirtError("Domain not found", NO_DOMAIN)
BROKEN = LibvirtError("End of file while reading data", 38)

STATE = ("web1", "state", (), [1, 1])
LOOK_UP = ("connection", "lookupByUUIDString", (UUID,), Handle("web1"))


def read(config=None, live=None, name="web1", uuid=UUID):
    """The calls that read one domain."""
    return [
        (name, "name", (), name),
        (name, "UUIDString", (), uuid),
        (name, "isPersistent", (), int(config is not None)),
        *([(name, "XMLDesc", (2,), config)] if config else []),
        (name, "isActive", (), int(live is not None)),
        *([(name, "XMLDesc", (0,), live)] if live else []),
    ]


def apply(step, *calls, timeout=0.0):
    with Script(*calls) as script:
        DomainChanges(script.object("connection"), LibvirtError).apply(step, timeout=timeout)


def refused(step, *calls, timeout=0.0):
    with Script(*calls) as script, pytest.raises(HostdevError) as caught:
        DomainChanges(script.object("connection"), LibvirtError).apply(step, timeout=timeout)
    return caught.value


# Reading.


def test_all_domains_are_read_with_their_definition_and_live_xml_and_sorted():
    with Script(
        ("connection", "listAllDomains", (0,), [Handle("web1"), Handle("db1")]),
        *read(EMPTY, WITH),
        *read(None, EMPTY, "db1", OTHER_UUID),
    ) as script:
        domains = Domains(script.object("connection"), LibvirtError).all()
    assert [(guest.name, guest.uuid, guest.config is not None, guest.active) for guest in domains] == [
        ("db1", OTHER_UUID, False, True),
        ("web1", UUID, True, True),
    ]
    assert list(domains[1].live.assigned) == [A]
    assert list(domains[1].config.assigned) == []


def test_a_domain_that_vanishes_while_it_is_read_is_left_out():
    with Script(
        ("connection", "listAllDomains", (0,), [Handle("gone"), Handle("web1")]),
        ("gone", "name", (), "gone"),
        ("gone", "UUIDString", (), OTHER_UUID),
        ("gone", "isPersistent", (), GONE),
        *read(EMPTY),
    ) as script:
        assert [guest.name for guest in Domains(script.object("connection"), LibvirtError).all()] == ["web1"]


def test_a_domain_that_can_not_be_read_is_not_passed_over_in_silence():
    with (
        Script(
            ("connection", "listAllDomains", (0,), [Handle("web1")]),
            ("web1", "name", (), "web1"),
            ("web1", "UUIDString", (), UUID),
            ("web1", "isPersistent", (), LibvirtError("access denied", 88)),
        ) as script,
        pytest.raises(HostdevError) as caught,
    ):
        Domains(script.object("connection"), LibvirtError).all()
    assert (caught.value.code, caught.value.found) == ("no_libvirt", "access denied")


def test_a_libvirt_that_does_not_answer_is_an_error_with_its_words():
    with Script(("connection", "listAllDomains", (0,), BROKEN)) as script, pytest.raises(HostdevError) as caught:
        Domains(script.object("connection"), LibvirtError).all()
    assert (caught.value.code, caught.value.found) == ("no_libvirt", "End of file while reading data")


def test_a_domain_is_found_by_its_name():
    with Script(("connection", "lookupByName", ("web1",), Handle("web1")), *read(EMPTY)) as script:
        assert Domains(script.object("connection"), LibvirtError).find("web1").uuid == UUID


def test_a_domain_is_found_by_its_uuid():
    with Script(("connection", "lookupByName", (UUID,), GONE), LOOK_UP, *read(EMPTY)) as script:
        assert Domains(script.object("connection"), LibvirtError).find(UUID).name == "web1"


def test_a_libvirt_that_breaks_while_a_domain_is_looked_for_is_not_taken_for_an_unknown_domain():
    with Script(("connection", "lookupByName", ("web1",), BROKEN)) as script, pytest.raises(HostdevError) as caught:
        Domains(script.object("connection"), LibvirtError).find("web1")
    assert (caught.value.code, caught.value.found) == ("no_libvirt", "End of file while reading data")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["db1", "web1"], "libvirt has no domain of that name or UUID; it has web1, db1"),
        ([], "libvirt has no domain of that name or UUID; it has none at all"),
        (
            [f"vm{number:03}" for number in range(300)],
            "libvirt has no domain of that name or UUID; it has vm002, vm012, vm020, vm021, vm022, and 295 more",
        ),
    ],
)
def test_an_unknown_domain_is_refused_with_the_nearest_names_there_are(names, found):
    with (
        Script(
            ("connection", "lookupByName", ("web2",), GONE),
            ("connection", "lookupByUUIDString", ("web2",), LibvirtError("invalid uuid", 8)),
            ("connection", "listAllDomains", (0,), [Handle(name) for name in names]),
            *((name, "name", (), name) for name in names),
        ) as script,
        pytest.raises(HostdevError) as caught,
    ):
        Domains(script.object("connection"), LibvirtError).find("web2")
    assert (caught.value.code, caught.value.subject, caught.value.found) == ("unknown_domain", "domain web2", found)


# Attaching.


def test_attaching_to_the_definition_asks_for_the_definition_and_looks_whether_it_is_there():
    apply(
        ENTER_CONFIG,
        LOOK_UP,
        *read(EMPTY, EMPTY),
        ("web1", "attachDeviceFlags", (XML, 2), 0),
        *read(WITH, EMPTY),
    )


def test_attaching_live_takes_the_place_that_the_definition_has():
    apply(
        ENTER_LIVE,
        LOOK_UP,
        *read(domain_xml(PLACED), EMPTY),
        ("web1", "attachDeviceFlags", (PLACED, 1), 0),
        *read(domain_xml(PLACED), WITH),
    )


@pytest.mark.parametrize(
    ("config", "live"),
    [
        (domain_xml(PLACED), domain_xml(hostdev_xml("0000:02:00.0", managed=True, guest_address=PLACE))),
        (WITH, EMPTY),
        (EMPTY, EMPTY),
    ],
)
def test_attaching_live_leaves_the_place_to_libvirt_where_it_is_taken_or_unknown(config, live):
    apply(
        ENTER_LIVE,
        LOOK_UP,
        *read(config, live),
        ("web1", "attachDeviceFlags", (XML, 1), 0),
        *read(config, WITH),
    )


def test_a_transient_domain_has_no_definition_to_look_at():
    apply(
        ENTER_LIVE,
        LOOK_UP,
        *read(None, EMPTY),
        ("web1", "attachDeviceFlags", (XML, 1), 0),
        *read(None, WITH),
    )


@pytest.mark.parametrize(
    ("step", "config", "live"),
    [
        (ENTER_CONFIG, WITH, EMPTY),
        (ENTER_LIVE, EMPTY, WITH),
        (LEAVE_CONFIG, EMPTY, WITH),
        (LEAVE_LIVE, WITH, EMPTY),
        (LEAVE_LIVE, WITH, None),
        (LEAVE_CONFIG, None, EMPTY),
    ],
)
def test_what_is_so_already_changes_nothing(step, config, live):
    apply(step, LOOK_UP, *read(config, live))


@pytest.mark.parametrize(
    ("step", "config", "live", "found"),
    [
        (ENTER_LIVE, EMPTY, None, "the domain has no running guest"),
        (ENTER_CONFIG, None, EMPTY, "the domain has no definition"),
    ],
)
def test_a_place_that_the_domain_does_not_have_can_not_be_entered(step, config, live, found):
    error = refused(step, LOOK_UP, *read(config, live))
    assert (error.code, error.found) == ("attach_failed", found)


def test_a_refusal_of_libvirt_is_told_in_its_words():
    error = refused(
        ENTER_CONFIG,
        LOOK_UP,
        *read(EMPTY),
        ("web1", "attachDeviceFlags", (XML, 2), LibvirtError("No more available PCI slots")),
    )
    assert error.code == "attach_failed"
    assert error.subject == "0000:01:10.0, to attach to domain web1 (config)"
    assert error.found == "libvirt says: No more available PCI slots"
    assert "/var/log/libvirt/qemu/web1.log" in error.remedy


def test_a_device_that_libvirt_took_and_does_not_show_is_not_believed():
    error = refused(ENTER_CONFIG, LOOK_UP, *read(EMPTY), ("web1", "attachDeviceFlags", (XML, 2), 0), *read(EMPTY))
    assert (error.code, error.found) == ("attach_failed", "libvirt took the device but its XML does not show it")


def test_a_domain_that_is_gone_can_not_be_attached_to():
    error = refused(ENTER_CONFIG, ("connection", "lookupByUUIDString", (UUID,), GONE))
    assert (error.code, error.found) == ("attach_failed", "libvirt says: Domain not found")


# Detaching.


def test_detaching_gives_libvirt_the_element_that_the_domain_has():
    shown = hostdev_xml(A, managed=True, guest_address=PLACE)
    apply(
        LEAVE_CONFIG,
        LOOK_UP,
        *read(domain_xml(shown), WITH),
        ("web1", "detachDeviceFlags", (shown, 2), 0),
        *read(EMPTY, WITH),
    )


def test_a_guest_that_does_not_let_go_is_named_with_the_time_it_had():
    error = refused(
        LEAVE_LIVE, LOOK_UP, *read(EMPTY, WITH), STATE, ("web1", "detachDeviceFlags", (XML, 1), 0), *read(EMPTY, WITH)
    )
    assert (error.code, error.subject) == ("detach_timeout", "0000:01:10.0 in domain web1")
    assert error.found == "the guest did not let the device go within 0 s"


def test_a_guest_that_stops_meanwhile_has_let_go():
    apply(
        LEAVE_LIVE, LOOK_UP, *read(EMPTY, WITH), STATE, ("web1", "detachDeviceFlags", (XML, 1), 0), *read(EMPTY, None)
    )


def test_a_transient_domain_that_ends_meanwhile_has_let_go():
    apply(
        LEAVE_LIVE,
        LOOK_UP,
        *read(None, WITH),
        STATE,
        ("web1", "detachDeviceFlags", (XML, 1), 0),
        ("web1", "name", (), "web1"),
        ("web1", "UUIDString", (), UUID),
        ("web1", "isPersistent", (), GONE),
    )


def test_from_a_domain_that_is_gone_nothing_need_be_detached():
    apply(LEAVE_LIVE, ("connection", "lookupByUUIDString", (UUID,), GONE))


def test_a_refusal_to_detach_is_told_in_libvirts_words():
    error = refused(
        LEAVE_LIVE,
        LOOK_UP,
        *read(EMPTY, WITH),
        STATE,
        ("web1", "detachDeviceFlags", (XML, 1), BROKEN),
        *read(EMPTY, WITH),
    )
    assert (error.code, error.subject) == ("detach_failed", "0000:01:10.0, to detach from domain web1 (live)")
    assert error.found == "libvirt says: End of file while reading data"


@pytest.mark.parametrize("step", [ENTER_CONFIG, LEAVE_CONFIG])
def test_a_connection_that_breaks_while_looking_is_an_error_that_can_be_undone(step):
    assert refused(step, ("connection", "lookupByUUIDString", (UUID,), BROKEN)).found.startswith("libvirt says: End of")
    here = WITH if step.after is None else EMPTY
    verb = "detachDeviceFlags" if step.after is None else "attachDeviceFlags"
    error = refused(step, LOOK_UP, *read(here), ("web1", verb, (XML, 2), 0), ("web1", "name", (), BROKEN))
    assert error.found == "libvirt says: End of file while reading data"


# Who uses what.


def test_uses_tell_the_places_and_the_kind_of_reference():
    interface = (
        '<interface type="hostdev"><source><address domain="0" bus="2" slot="0" function="0"/></source></interface>'
    )
    uses = uses_by_address(
        [
            domain(domain_xml(XML), domain_xml(XML, interface)),
            domain(domain_xml(XML), None, DB),
            domain(None, domain_xml(), DB),
        ]
    )
    assert uses == {
        A: [
            DomainUse("web1", UUID, "hostdev", active=True, config=True, live=True),
            DomainUse("db1", OTHER_UUID, "hostdev", active=False, config=True, live=False),
        ],
        "0000:02:00.0": [DomainUse("web1", UUID, "interface", active=True, config=False, live=True)],
    }


# The small libvirt of the other tests behaves like the real one where that matters.


def test_the_fake_libvirt_refuses_a_live_device_without_a_free_root_port():
    fake = FakeLibvirt()
    guest = fake.define(config=EMPTY, live=domain_xml(ports=0))
    with pytest.raises(LibvirtError, match="No more available PCI slots"):
        guest.attachDeviceFlags(XML, 1)


def test_the_fake_libvirt_gives_a_device_a_place():
    fake = FakeLibvirt()
    guest = fake.define(config=EMPTY)
    guest.attachDeviceFlags(XML, 2)
    assert '<address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0" />' in guest.XMLDesc(2)
