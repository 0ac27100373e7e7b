# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host whose IOMMU is off to a guest's VF by one play, on hosts that boot by their own loaders; and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab import guest, topology
from tests.lab.patience import stretched
from tests.lab.play import PlayResult, play
from tests.lab.self_booting import SelfBooting
from tests.lab.warm import warm

_BOOTS = "/proc/sys/kernel/random/boot_id"
#: The files of loaders and of all that is configured, but for what a boot itself changes.
_FILES = (
    "find /boot /etc -type f ! -path '*/facts.d/*' ! -name random-seed ! -path '/etc/libvirt/*' ! -path '/etc/lvm/*' "
    "-exec sha256sum {} + | sort -k 2"
)
_VF = topology.IGB_VFS[0]


def role(**variables: Any) -> list[dict[str, Any]]:
    """Return the role as a task, by these of its variables; what a host needs beside is installed."""
    named = {f"hostdev_host_{name}": value for name, value in variables.items()}
    return [
        {
            "name": "role",
            "ansible.builtin.import_role": {"name": "kvm.hostdev.host"},
            "vars": {"hostdev_host_packages": [], **named},
        },
        {"name": "needed", "ansible.builtin.debug": {"var": "hostdev_host_reboot_needed"}},
    ]


def giving(pf: str, vf: str) -> list[dict[str, Any]]:
    """Return tasks that make VFs and claim one for web1."""
    return [
        {"name": "vfs", "kvm.hostdev.pci_sriov": {"address": pf, "number": 4}},
        {
            "name": "claim",
            "kvm.hostdev.pci_passthrough_claim": {"domain": "web1", "requests": [{"name": "nic", "address": vf}]},
        },
    ]


def run(host: SelfBooting, *tasks: dict[str, Any], check: bool = False) -> PlayResult:
    options = ("--check", "--diff") if check else ()
    result = play(host.inventory(), [{"hosts": "lab", "gather_facts": False, "tasks": list(tasks)}], *options)
    assert result.code == 0, result.output
    return result


def needed(result: PlayResult) -> bool:
    of_play: bool = result.of("needed").result["hostdev_host_reboot_needed"]
    return of_play


def changed(result: PlayResult) -> list[str]:
    return [task.task for task in result.tasks if task.status == "changed"]


def _groups(host: SelfBooting) -> int:
    return int(host.sh("ls /sys/kernel/iommu_groups | wc -l").stdout)


def _arguments(host: SelfBooting) -> set[str]:
    return set(host.get("/proc/cmdline").split())


def test_grub_one_play_with_one_reboot_gives_a_vf_to_a_guest_and_the_role_takes_out_what_it_put_in(
    self_booting: Callable[[str], SelfBooting],
) -> None:
    host = self_booting("grub")
    warm(host)
    files, boot = host.sh(_FILES).stdout, host.get(_BOOTS)
    assert "intel_iommu=off" in _arguments(host)
    assert _groups(host) == 0
    host.sh("virsh -q define /dev/stdin", text=guest.domain_xml("web1"))
    wish = {"contradictions": "replace", "kernel_arguments": ["lab.added"]}

    foretold = run(host, *role(**wish), check=True)
    assert needed(foretold)
    assert "lab.added" in foretold.output
    assert (host.sh(_FILES).stdout, host.get(_BOOTS)) == (files, boot)

    run(host, *role(**wish, reboot_ok=True, reboot_timeout=round(stretched(300))), *giving(topology.IGB_PF, _VF))
    assert host.get(_BOOTS) != boot
    assert "intel_iommu=off" not in _arguments(host)
    assert "lab.added" in _arguments(host)
    assert _groups(host) > 10
    seen = host.start_guest("web1")
    assert "8086:10ca" in [device.ids for device in seen]

    boot = host.get(_BOOTS)
    again = run(host, *role(**wish, reboot_ok=True), *giving(topology.IGB_PF, _VF))
    assert (changed(again), needed(again), host.get(_BOOTS)) == ([], False, boot)

    back = run(
        host,
        {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
        {"name": "no vfs", "kvm.hostdev.pci_sriov": {"address": topology.IGB_PF, "state": "absent"}},
        *role(state="absent"),
    )
    assert needed(back)
    assert host.get(_BOOTS) == boot
    assert host.sh(_FILES).stdout == files


def test_systemd_boot_the_reboot_may_be_the_administrator_s_bus_numbers_may_move_and_a_claim_follows_back(
    self_booting: Callable[[str], SelfBooting],
) -> None:
    host = self_booting("systemd-boot")
    warm(host)
    files, boot = host.sh(_FILES).stdout, host.get(_BOOTS)
    assert _groups(host) == 0
    wish = {"contradictions": "replace"}
    first = run(host, *role(**wish))
    assert needed(first)
    assert host.get(_BOOTS) == boot
    host.power_cycle(topology.renumbered())
    assert _groups(host) > 10
    pf = topology.moved(topology.IGB_PF)
    host.sh("systemctl enable libvirtd.service")
    host.sh("virsh -q define /dev/stdin && virsh -q autostart web1", text=guest.domain_xml("web1"))
    again = run(host, *role(**wish), *giving(pf, topology.moved(_VF)))
    assert (changed(again), needed(again)) == (["vfs", "claim"], False)

    host.power_cycle(topology.DEVICES)  # with nobody's help from now on
    seen = host.wait_guest_pci("web1", lambda devices: True, timeout=120)
    assert "8086:10ca" in [device.ids for device in seen]
    host.sh("virsh -q destroy web1")
    back = run(
        host,
        {"name": "release", "kvm.hostdev.pci_passthrough_release": {"domain": "web1"}},
        {"name": "no vfs", "kvm.hostdev.pci_sriov": {"address": topology.IGB_PF, "state": "absent"}},
        *role(state="absent"),
    )
    assert needed(back)
    assert host.sh(_FILES).stdout == files
