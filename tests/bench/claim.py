# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim of three VFs for a running domain on a synthetic host: made once, then measured as one that changes nothing.

The stand-ins for the kernel and for libvirt are those of the unit tests; all else is what the claim module runs, from
the options to the outcome.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.vf_settings import VfSettings
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.flow import Flow
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.host import ChangingHost
from ansible_collections.kvm.hostdev.plugins.module_utils._host.change.outcome import Outcome
from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.changes import DomainChanges
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, Terms
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import FakeLibvirt, LibvirtError, domain_xml

DEVICES = 3
DOMAINS = 20
"""How many domains run; each but the one that the claim is for has a VF of its own."""

_FACTS = "etc/ansible/facts.d"
_LIBVIRT = "libvirt.json"
_ALIASES = [{"name": "vf", "vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}]
_DEVICE_SPEC = [{"vendor_id": "8086", "physical_network": "tenant"}]
_REQUESTS = [{"name": "nic", "alias": "vf", "count": DEVICES}]


def make_claim(root: Path) -> None:
    """Let the host's first domain claim its VFs; the others have the last ones."""
    devices = root / "sys/bus/pci/devices"
    vfs = sorted(address for address in os.listdir(devices) if (devices / address / "physfn").is_symlink())
    if len(vfs) < DEVICES + DOMAINS:
        raise SystemExit(f"bench: a host with {len(vfs)} VFs is too small")
    libvirt = FakeLibvirt()
    for number in range(DOMAINS):
        name, uuid = f"vm{number}", f"00000000-0000-4000-8000-{number:012x}"
        xml = domain_xml(*([_hostdev(vfs[-number])] if number else []), name=name, uuid=uuid)
        libvirt.define(name, uuid, config=xml, live=xml)
    kernel = FakeKernel(root)
    outcome = _claim(root, libvirt, Binder(Tree(str(root)), kernel, kernel.load_module))
    if not outcome.changed:
        raise SystemExit("bench: nothing was claimed")
    state = [[domain.name(), domain.UUIDString(), domain.xml[2], domain.xml[1]] for domain in libvirt.domains]
    (root / _LIBVIRT).write_text(json.dumps(state))


def unchanged_claim(folder: str) -> dict[str, Any]:
    """The same claim again, with the seconds that it takes."""
    root = Path(folder)
    libvirt = FakeLibvirt()
    for name, uuid, config, live in json.loads((root / _LIBVIRT).read_text()):
        libvirt.define(name, uuid, config=config, live=live)
    begun = time.process_time()
    outcome = _claim(root, libvirt, None)
    seconds = time.process_time() - begun
    held = outcome.plans[0].after.holdings
    if outcome.changed or len(held) != DEVICES:
        raise SystemExit(f"bench: {len(held)} devices are held, and these steps were taken: {outcome.plans[0].steps}")
    return {"seconds": seconds}


def _claim(root: Path, libvirt: FakeLibvirt, binder: Binder | None) -> Outcome:
    tree = Tree(str(root))
    host = ChangingHost(
        tree,
        DomainChanges(libvirt, LibvirtError),
        binder=binder,
        vf_settings=VfSettings(tree, FakeIp("", 0)),
    )
    wish = ClaimWish(
        domain="vm0",
        owner=None,
        requests=parse_requests(_REQUESTS, parse_aliases(_ALIASES)),
        allow_list=AllowList(parse_device_specs(_DEVICE_SPEC, "device_spec")),
        terms=Terms(),
        attach=("config", "live"),
    )
    return Flow(host, RecordFile(str(root / _FACTS)), check_mode=False).claim(wish)


def _hostdev(address: str) -> str:
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    return (
        "<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source>"
        f"<address domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'/></source></hostdev>"
    )
