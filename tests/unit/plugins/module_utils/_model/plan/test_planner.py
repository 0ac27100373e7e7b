# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.kinds import make_plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Change
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO, WEB, claim, device, domain, holding, inventory

A, B, C, D = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"
OWN = Binding("e1000e", None)
NOBODY = Claim(WEB)


def xml(*addresses, ports=4, **keywords):
    return domain_xml(*(hostdev_xml(address, managed=True) for address in addresses), ports=ports, **keywords)


def bound(address, **fields):
    return device(address, driver="vfio-pci", **fields)


def steps(operation, devices, before, after, config=None, live=None, **keywords):
    guest = None if config is None and live is None else domain(config, live)
    return [str(step) for step in planned(operation, devices, before, after, guest, **keywords).steps]


def planned(operation, devices, before, after, guest=None, **keywords):
    snapshot = Snapshot(
        inventory(*devices),
        Tracker([before]),
        None if guest is None else (guest,),
        vfio_driver=keywords.pop("vfio_driver", lambda _device: "vfio-pci"),
    )
    return make_plan(snapshot, Change(operation, before, after, **keywords))


def test_a_claim_binds_all_and_then_enters_the_definition_and_then_the_running_domain():
    after = claim(WEB, holding(B), holding(A))
    assert steps("claim", [device(A), device(B)], NOBODY, after, xml(), xml()) == [
        "driver of 0000:01:00.0: e1000e -> vfio-pci",
        "driver of 0000:02:00.0: e1000e -> vfio-pci",
        "attach 0000:01:00.0, config of domain web1",
        "attach 0000:02:00.0, config of domain web1",
        "attach 0000:01:00.0, live of domain web1",
        "attach 0000:02:00.0, live of domain web1",
    ]


def test_steps_hold_the_state_before_and_after():
    plan = planned(
        "claim",
        [device(A)],
        NOBODY,
        claim(WEB, holding(A, attach=("config",))),
        domain(xml()),
        managed=False,
        vfio_driver=lambda _device: "mlx5_vfio_pci",
    )
    assert plan.steps == (
        DriverStep(A, OWN, Binding("mlx5_vfio_pci", "mlx5_vfio_pci")),
        HostdevStep(A, "web1", WEB.id, "config", None, hostdev_xml(A, managed=False)),
    )
    assert (plan.operation, plan.before, plan.after) == ("claim", NOBODY, claim(WEB, holding(A, attach=("config",))))


def test_a_second_run_has_no_steps():
    held = claim(WEB, holding(A))
    assert steps("claim", [bound(A)], held, held, xml(A), xml(A)) == []


@pytest.mark.parametrize(
    ("devices", "config", "live", "wanted"),
    [
        ([device(A)], (A,), (A,), ["driver of 0000:01:00.0: e1000e -> vfio-pci"]),
        ([device(A, driver=None)], (A,), (A,), ["driver of 0000:01:00.0: none -> vfio-pci"]),
        ([bound(A)], (), (A,), ["attach 0000:01:00.0, config of domain web1"]),
        ([bound(A)], (A,), (), ["attach 0000:01:00.0, live of domain web1"]),
    ],
)
def test_what_drifted_is_mended_by_a_second_run(devices, config, live, wanted):
    held = claim(WEB, holding(A))
    assert steps("claim", devices, held, held, xml(*config), xml(*live)) == wanted


def test_a_device_enters_only_the_places_that_its_holding_names():
    after = claim(
        WEB, holding(A, attach=("live",)), holding(B, "other", attach=("config",)), holding(C, "no", attach=())
    )
    assert steps("claim", [bound(A), bound(B), bound(C)], NOBODY, after, xml(), xml()) == [
        "attach 0000:02:00.0, config of domain web1",
        "attach 0000:01:00.0, live of domain web1",
    ]


def test_group_members_are_bound_and_enter_nothing():
    after = claim(WEB, holding(A), holding(B, None))
    assert steps("claim", [device(A), device(B)], NOBODY, after, xml()) == [
        "driver of 0000:01:00.0: e1000e -> vfio-pci",
        "driver of 0000:02:00.0: e1000e -> vfio-pci",
        "attach 0000:01:00.0, config of domain web1",
    ]


def test_a_transient_domain_is_entered_live_only():
    assert steps("claim", [bound(A)], NOBODY, claim(WEB, holding(A)), None, xml()) == [
        "attach 0000:01:00.0, live of domain web1"
    ]


def test_without_a_domain_devices_are_only_bound():
    assert steps("claim", [device(A)], NOBODY, claim(WEB, holding(A))) == ["driver of 0000:01:00.0: e1000e -> vfio-pci"]


def test_a_release_leaves_the_running_domain_then_the_definition_and_then_the_driver():
    held = claim(WEB, holding(A), holding(B))
    assert steps("release", [bound(A), bound(B)], held, NOBODY, xml(A, B), xml(A, B)) == [
        "detach 0000:01:00.0, live of domain web1",
        "detach 0000:02:00.0, live of domain web1",
        "detach 0000:01:00.0, config of domain web1",
        "detach 0000:02:00.0, config of domain web1",
        "driver of 0000:01:00.0: vfio-pci -> e1000e",
        "driver of 0000:02:00.0: vfio-pci -> e1000e",
    ]


def test_a_release_restores_the_recorded_driver_and_override():
    held = claim(WEB, holding(A, original=Binding(None, "pci-stub")))
    plan = planned("release", [bound(A)], held, NOBODY)
    assert plan.steps == (DriverStep(A, VFIO, Binding(None, "pci-stub")),)


def test_a_detach_step_keeps_the_element_that_the_domain_had():
    guest = domain(xml(A))
    plan = planned("release", [device(A)], claim(WEB, holding(A)), NOBODY, guest)
    assert plan.steps == (HostdevStep(A, "web1", WEB.id, "config", hostdev_xml(A, managed=True), None),)


def test_an_adopted_device_is_left_with_its_driver():
    held = claim(WEB, holding(A, adopted=True, original=VFIO))
    assert steps("release", [bound(A)], held, NOBODY, xml(A)) == ["detach 0000:01:00.0, config of domain web1"]


def test_an_adopted_device_that_lost_its_driver_since_is_not_bound_by_a_release():
    held = claim(WEB, holding(A, adopted=True, original=VFIO))
    assert steps("release", [device(A)], held, NOBODY, xml()) == []


def test_a_device_that_was_adopted_without_an_override_gets_none_and_keeps_one_that_it_was_given():
    unpinned = Binding("vfio-pci", None)
    held = claim(WEB, holding(A, adopted=True, original=unpinned, attach=()))
    as_it_was = device(A, driver="vfio-pci", driver_override=None)
    assert steps("claim", [as_it_was], NOBODY, held) == []
    assert steps("release", [as_it_was], held, NOBODY) == []
    assert steps("release", [bound(A)], held, NOBODY) == []


def test_an_adopted_device_goes_back_to_the_vfio_driver_that_it_had():
    unpinned = Binding("vfio-pci", None)
    held = claim(WEB, holding(A, adopted=True, original=unpinned, attach=()))
    other = device(A, driver="mlx5_vfio_pci", vfio=True, driver_override="mlx5_vfio_pci")
    plan = planned("release", [other], held, NOBODY)
    assert plan.steps == (DriverStep(A, Binding("mlx5_vfio_pci", "mlx5_vfio_pci"), unpinned),)


@pytest.mark.parametrize(("adopted", "given_back"), [(True, ()), (False, (Binding("e1000e", None),))])
def test_of_what_the_host_uses_by_now_only_our_own_override_goes(adopted, given_back):
    pinned = Binding("e1000e", "vfio-pci")
    present = device(A, driver=pinned.driver, driver_override=pinned.override)
    held = claim(WEB, holding(A, adopted=adopted, original=Binding("vfio-pci", None) if adopted else OWN))
    host = inventory(present, host_uses=[HostUse("ip_configured", A, "eth0 has an address")])
    plan = make_plan(Snapshot(host, Tracker([held]), ()), Change("release", held, NOBODY))
    assert plan.steps == tuple(DriverStep(A, pinned, binding) for binding in given_back)


def test_what_the_host_has_back_already_is_not_touched_by_a_release():
    assert steps("release", [device(A)], claim(WEB, holding(A)), NOBODY, xml()) == []


def test_a_device_that_was_pulled_out_leaves_the_domain_and_nothing_else():
    held = claim(WEB, holding(A))
    assert steps("release", [], held, NOBODY, xml(A)) == ["detach 0000:01:00.0, config of domain web1"]


def test_a_release_does_not_touch_another_card_at_the_same_address():
    other = device(A, vendor_id="1b36", product_id="0010", class_id="010802", driver="nvme")
    held = claim(WEB, holding(A))
    assert steps("release", [other], held, NOBODY, xml(A)) == ["detach 0000:01:00.0, config of domain web1"]


def test_a_claim_does_not_touch_another_card_at_the_address_of_a_held_one():
    held = claim(WEB, holding(A))
    assert steps("claim", [device(A, product_id="1533")], held, held, xml(), xml()) == []


def test_a_claim_passes_over_a_held_device_that_was_pulled_out():
    held = claim(WEB, holding(A))
    assert steps("claim", [], held, held, xml(), xml()) == []


def test_a_release_of_one_device_takes_no_other_from_the_host():
    held = claim(WEB, holding(A, "first"), holding(B, "second"))
    after = claim(WEB, holding(B, "second"))
    assert steps("release", [device(A), device(B)], held, after, xml(), xml()) == []


def test_a_device_that_becomes_a_group_member_leaves_the_domain_and_stays_bound():
    held = claim(WEB, holding(A), holding(B, "second"))
    after = claim(WEB, holding(A), holding(B, None, attach=()))
    assert steps("release", [bound(A), bound(B)], held, after, xml(A, B)) == [
        "detach 0000:02:00.0, config of domain web1"
    ]


def test_an_exchange_leaves_first_and_gives_back_last():
    before, after = claim(WEB, holding(A)), claim(WEB, holding(B))
    assert steps("claim", [bound(A), device(B)], before, after, xml(A), xml(A, ports=1)) == [
        "detach 0000:01:00.0, live of domain web1",
        "detach 0000:01:00.0, config of domain web1",
        "driver of 0000:02:00.0: e1000e -> vfio-pci",
        "attach 0000:02:00.0, config of domain web1",
        "attach 0000:02:00.0, live of domain web1",
        "driver of 0000:01:00.0: vfio-pci -> e1000e",
    ]


# Room in the guest.


def no_room(devices, *held, live):
    with pytest.raises(HostdevError) as caught:
        steps("claim", devices, NOBODY, claim(WEB, *held), xml(), live)
    return caught.value


def test_more_devices_than_free_root_ports_are_refused_with_how_to_add_some():
    error = no_room([device(A), device(B)], holding(A), holding(B), live=xml(ports=1))
    assert error.code == "no_free_root_port"
    assert error.subject == "domain web1"
    assert error.found == "1 free pcie-root-port controllers in the running domain"
    assert error.wanted == "2, one for each of 0000:01:00.0, 0000:02:00.0"
    assert "<controller type='pci' model='pcie-root-port'/>" in error.remedy
    assert "'virsh edit web1'" in error.remedy


EXCHANGED = claim(WEB, holding(A)), claim(WEB, holding(B))


def test_a_device_that_leaves_the_guest_frees_a_root_port_for_one_that_enters():
    before, after = EXCHANGED
    assert "attach 0000:02:00.0, live of domain web1" in steps(
        "claim", [bound(A), bound(B)], before, after, xml(A), xml(A, ports=0)
    )


@pytest.mark.parametrize(
    ("leaving", "live"),
    [
        ([bound(A)], xml(ports=0)),  # from the definition alone
        ([bound(A, express=False)], xml(A, ports=0)),  # from a conventional slot
        ([], xml(A, ports=0)),  # pulled out, and nobody knows what it was
    ],
)
def test_no_other_that_leaves_does(leaving, live):
    before, after = EXCHANGED
    with pytest.raises(HostdevError) as caught:
        steps("claim", [*leaving, bound(B)], before, after, xml(A), live)
    assert caught.value.code == "no_free_root_port"
    assert caught.value.found == "0 free pcie-root-port controllers in the running domain"


def test_freed_root_ports_are_counted_with_those_that_are_free():
    before, after = claim(WEB, holding(A)), claim(WEB, holding(B), holding(C), holding(D))
    with pytest.raises(HostdevError) as caught:
        steps("claim", [bound(A), bound(B), bound(C), bound(D)], before, after, xml(A), xml(A, ports=1))
    assert caught.value.found == "2 free pcie-root-port controllers in the running domain"


def test_root_ports_do_not_matter_to_the_definition():
    after = claim(WEB, holding(A, attach=("config",)))
    assert steps("claim", [bound(A)], NOBODY, after, xml(ports=0), xml(ports=0)) == [
        "attach 0000:01:00.0, config of domain web1"
    ]


def test_a_conventional_device_needs_a_bridge_with_slots():
    error = no_room([device(A, express=False)], holding(A), live=xml())
    assert error.code == "no_pci_bridge"
    assert error.found == "no PCI bridge with hot-plug slots in the running domain"
    assert error.wanted == "one for the conventional PCI device 0000:01:00.0"
    assert "<controller type='pci' model='pcie-to-pci-bridge'/>" in error.remedy


def test_several_conventional_devices_are_all_named():
    devices = [device(A, express=False), device(B, express=False)]
    error = no_room(devices, holding(A), holding(B), live=xml())
    assert error.wanted == "one for the conventional PCI devices 0000:01:00.0, 0000:02:00.0"


def test_a_conventional_device_goes_to_a_bridge_and_takes_no_root_port():
    bridge = '<controller type="pci" index="9" model="pcie-to-pci-bridge"/>'
    planned_steps = steps(
        "claim",
        [bound(A, express=False), bound(B)],
        NOBODY,
        claim(WEB, holding(A, attach=("live",)), holding(B, attach=("live",))),
        xml(),
        xml(ports=1, extra=bridge),
    )
    assert planned_steps == ["attach 0000:01:00.0, live of domain web1", "attach 0000:02:00.0, live of domain web1"]


def test_a_machine_without_pcie_takes_express_devices_into_conventional_slots():
    after = claim(WEB, holding(A, attach=("live",)))
    assert steps("claim", [bound(A)], NOBODY, after, xml(), xml(ports=0, machine="pci-root")) == [
        "attach 0000:01:00.0, live of domain web1"
    ]
