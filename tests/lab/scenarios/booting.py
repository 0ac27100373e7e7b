# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that boot by their own loaders, and the role that puts what devices need into these."""

from __future__ import annotations

from typing import Any

from tests.lab.play import PlayResult, play
from tests.lab.self_booting import SelfBooting

BOOTS = "/proc/sys/kernel/random/boot_id"
#: The files of loaders and of all that is configured, but for what belongs to libvirt, its hooks excepted, and what a
#: boot changes by itself.
_CONFIGURED = (
    "/boot /etc ! -path '/etc/ansible*' ! -name random-seed ! -path '/etc/lvm/*' "
    "\\( ! -path '/etc/libvirt/*' -o -path '/etc/libvirt/hooks*' \\)"
)
_FILES = f"find {_CONFIGURED} -printf '%M %u %p %l\\n'; find {_CONFIGURED} -type f -exec sha256sum {{}} +"


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


def run(host: SelfBooting, *tasks: dict[str, Any], check: bool = False) -> PlayResult:
    """Run tasks, which must not fail."""
    options = ("--check", "--diff") if check else ()
    result = play(host.inventory(), [{"hosts": "lab", "gather_facts": False, "tasks": list(tasks)}], *options)
    assert result.code == 0, result.output
    return result


def needed(result: PlayResult) -> bool:
    """Return whether the role has said that the host must boot again."""
    of_play: bool = result.of("needed").result["hostdev_host_reboot_needed"]
    return of_play


def changed(result: PlayResult) -> list[str]:
    """Return the tasks that changed something."""
    return [task.task for task in result.tasks if task.status == "changed"]


def groups(host: SelfBooting) -> int:
    """Return how many IOMMU groups there are."""
    return int(host.sh("ls /sys/kernel/iommu_groups | wc -l").stdout)


def arguments(host: SelfBooting) -> set[str]:
    """Return what the kernel was started with."""
    return set(host.get("/proc/cmdline").split())


def files(host: SelfBooting) -> set[str]:
    """Return a line for each of these files."""
    return set(host.sh(_FILES).stdout.splitlines())
