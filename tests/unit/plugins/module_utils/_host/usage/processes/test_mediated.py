# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.processes.mediated import mdev_parents, mdev_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.consent import Consent
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.group import blockers
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, WEB, domain
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

GPU, VF = "0000:02:00.0", "0000:02:00.4"
UUID, OTHER = "4b20d080-1b54-4048-85b3-a6a62d165c01", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"


def function(address):
    path = f"/sys/devices/pci0000:00/0000:00:01.0/{address}"
    return {
        f"{path}/uevent": "PCI_CLASS=30200\nPCI_ID=10DE:2236\nPCI_SUBSYS_ID=10DE:1482\n"
        f"PCI_SLOT_NAME={address}\nMODALIAS=pci:v000010DE\n",
        f"{path}/iommu_group": "-> ../../../../kernel/iommu_groups/9",
        f"/sys/kernel/iommu_groups/9/devices/{address}": "x",
        f"/sys/bus/pci/devices/{address}": f"-> ../../..{path[4:]}",
    }


def mdev(uuid, parent, kind="nvidia-63"):
    path = f"/sys/devices/pci0000:00/0000:00:01.0/{parent}/{uuid}"
    made = {f"{path}/uevent": "", f"/sys/bus/mdev/devices/{uuid}": f"-> ../../..{path[4:]}"}
    return {**made, f"{path}/mdev_type": f"-> ../mdev_supported_types/{kind}"} if kind else made


def has_mdev(uuid):
    return f"""<domain><devices><hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>
        <address uuid='{uuid}'/></source></hostdev></devices></domain>"""


def test_mediated_devices_are_uses_of_what_they_are_made_on(folder):
    files(folder, {**mdev(UUID, GPU), **mdev(OTHER, VF, kind=None)})
    path = "/sys/devices/pci0000:00/0000:00:01.0"
    assert mdev_uses(Tree(str(folder))) == [
        HostUse("has_mdevs", GPU, f"mediated device {UUID} (nvidia-63) is made on it", f"{path}/{GPU}/{UUID}"),
        HostUse("has_mdevs", VF, f"mediated device {OTHER} (type unknown) is made on it", f"{path}/{VF}/{OTHER}"),
    ]


def test_those_of_no_pci_function_are_none(folder):
    path = "/sys/devices/css0/0.0.0026"
    files(folder, {f"{path}/{UUID}/uevent": "", f"/sys/bus/mdev/devices/{UUID}": f"-> ../../..{path[4:]}/{UUID}"})
    files(folder, {f"/etc/mdevctl.d/0.0.0026/{OTHER}": "{}", f"/etc/mdevctl.d/scripts.d/{GPU}": "x"})
    assert (mdev_uses(Tree(str(folder))), mdev_parents(Tree(str(folder)))) == ([], {})


def test_the_parent_is_known_of_those_that_are_and_those_that_mdevctl_could_make(folder):
    files(folder, {**mdev(UUID, GPU), f"/etc/mdevctl.d/{VF}/{OTHER.upper()}": "{}", f"/etc/mdevctl.d/{VF}/{UUID}": ""})
    assert mdev_parents(Tree(str(folder))) == {UUID: GPU, OTHER: VF}


def inventory(folder, *domains):
    return System(Tree(str(folder))).inventory(domains)


def codes(host, address=GPU, **consent):
    return [reason.code for reason in blockers(host, address, Consent(**consent)) if reason.code != "driver_missing"]


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("spelling", [UUID, UUID.upper()])
def test_a_domain_with_a_mediated_device_keeps_its_parent(folder, running, spelling):
    files(folder, {**function(GPU), **mdev(UUID, GPU)})
    files(folder, {f"/sys/kernel/iommu_groups/16/devices/{UUID}": f"-> ../../../../bus/mdev/devices/{UUID}"})
    files(folder, {"/proc/5150/comm": "qemu-system-x86\n", "/proc/5150/fd/30": "-> /dev/vfio/16"} if running else {})
    xml = has_mdev(spelling)
    host = inventory(folder, domain(xml, xml if running else None, owner=DB))
    assert codes(host) == ["has_mdevs", "in_domain_xml"]
    (use,) = host.domain_uses[GPU]
    assert (use.domain, use.via, use.config, use.live) == ("db1", "mdev", True, running)
    word = "running" if running else "defined"
    assert blockers(host, GPU)[-1].detail == f"domain db1 ({DB.id}) is {word} with a mediated device of it"


def test_who_has_a_mediated_device_without_libvirt_is_seen_by_its_group(folder):
    files(folder, {**function(GPU), **mdev(UUID, GPU)})
    files(folder, {f"/sys/kernel/iommu_groups/16/devices/{UUID}": f"-> ../../../../bus/mdev/devices/{UUID}"})
    files(folder, {"/proc/5150/comm": "crosvm\n", "/proc/5150/fd/30": "-> /dev/vfio/16"})
    assert codes(inventory(folder)) == ["has_mdevs", "held_by_process"]


def test_the_domain_that_is_defined_with_one_can_not_have_the_parent_as_well(folder):
    files(folder, {**function(GPU), f"/etc/mdevctl.d/{GPU}/{UUID}": "{}"})
    host = inventory(folder, domain(has_mdev(UUID), owner=WEB))
    assert codes(host, owner_uuid=WEB.id) == ["in_domain_xml"]
    assert codes(host, owner_uuid=WEB.id, allow=frozenset({"in_domain_xml"})) == []


def test_one_of_which_nobody_knows_the_parent_keeps_nothing(folder):
    files(folder, {**function(GPU), **mdev(UUID, VF)})
    assert codes(inventory(folder, domain(has_mdev(OTHER)))) == []
