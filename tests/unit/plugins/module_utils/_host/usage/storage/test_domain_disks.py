# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Domains' own disks, by the functions that carry them."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.domain_disks import disk_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import DomainUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, virtual
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

HOST = {
    **disk("sda", A, "sda1"),
    **disk("sdb", B),
    **virtual("dm-0", "sda1", "sdb"),
    **{f"/dev/{name}": "" for name in ("sda", "sda1", "sdb", "dm-0", "null")},
    "/dev/disk/by-id/x": "-> ../../sda1",
    "/dev/vg/lv": "-> ../dm-0",
}
BLOCK = "<disk type='block' device='disk'><source dev='{}'/><target dev='vda'/></disk>"
VOLUME = "<disk type='volume'><source pool='p' volume='v'/></disk>"


def domain(config=None, live=None, volumes=None):
    layouts = [parse_layout(domain_xml(extra=extra)) if extra is not None else None for extra in (config, live)]
    return Domain("web1", UUID, *layouts, volumes or {})


def found(folder, *domains):
    files(folder, HOST)
    return list(disk_uses(Tree(str(folder)), domains))


def use(node, *, config=True, live=False, active=False):
    return DomainUse("web1", UUID, "disk", active=active, config=config, live=live, node=node)


@pytest.mark.parametrize(
    ("xml", "node", "addresses"),
    [
        (BLOCK.format("/dev/sda"), "/dev/sda", [A]),
        (BLOCK.format("/dev/disk/by-id/x"), "/dev/disk/by-id/x", [A]),
        (BLOCK.format("/dev/vg/lv"), "/dev/vg/lv", [A, B]),
        ("<disk type='file'><source file='/dev/sdb'/></disk>", "/dev/sdb", [B]),
        (
            "<disk type='file'><source file='/srv/a.qcow2'/><backingStore type='block'><source dev='/dev/sdb'/>"
            "</backingStore></disk>",
            "/dev/sdb",
            [B],
        ),
        ("<x:commandline xmlns:x='y'><x:arg value='file=/dev/sdb,if=none'/></x:commandline>", "/dev/sdb", [B]),
    ],
)
def test_a_disk_counts_for_every_function_below_by_whichever_name_it_is_given(folder, xml, node, addresses):
    assert sorted(found(folder, domain(xml)), key=lambda pair: pair[0]) == [(one, use(node)) for one in addresses]


@pytest.mark.parametrize(
    "xml",
    [
        "",
        BLOCK.format("/dev/gone"),
        BLOCK.format("/dev/null"),
        "<disk type='file'><source file='/srv/sda'/></disk>",
        VOLUME,
        "<x><metadata>/dev/sda</metadata><description>not on /dev/sda</description><title>/dev/sdb</title></x>",
    ],
)
def test_what_names_no_block_device_of_the_host_counts_for_none(folder, xml):
    assert found(folder, domain(xml)) == []


@pytest.mark.parametrize(
    ("path", "addresses"), [("/dev/sda1", [A]), ("/dev/vg/lv", [A, B]), ("/var/lib/libvirt/images/sda", [])]
)
def test_a_volume_counts_by_where_its_pool_has_it(folder, path, addresses):
    uses = found(folder, domain(VOLUME, volumes={("p", "v"): (path,)}))
    assert sorted(address for address, _use in uses) == addresses


def test_a_volume_of_the_definition_alone_is_none_of_the_running_domains(folder):
    running = domain(VOLUME, "", volumes={("p", "v"): ("/dev/sdb",)})
    assert found(folder, running) == [(B, use("/dev/sdb", active=True))]


def test_what_a_domain_runs_with_and_what_it_is_defined_with_are_told_apart(folder):
    running = domain(BLOCK.format("/dev/sda"), BLOCK.format("/dev/disk/by-id/x") + BLOCK.format("/dev/sdb"))
    assert sorted(found(folder, running), key=lambda pair: pair[0]) == [
        (A, use("/dev/disk/by-id/x", live=True, active=True)),
        (B, use("/dev/sdb", config=False, live=True, active=True)),
    ]
