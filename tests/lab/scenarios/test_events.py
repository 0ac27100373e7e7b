# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host posts its state by systemd's timer, in the sandbox of its unit; in the end nothing of that is left on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios.webhook import Webhook

_VF, _LOST = topology.IGB_VFS[0], topology.NUMA_NVME
_TOKEN, _CA = "/root/events.token", "/root/events.pem"
_UNIT = "kvm-hostdev-events"
_TIMER = f"/etc/systemd/system/{_UNIT}.timer"
_LINK = f"/etc/systemd/system/timers.target.wants/{_UNIT}.timer"
#: Beside others, an emulated host may take longer for a post than any real one.
_PATIENT = f"/run/systemd/system/{_UNIT}.service.d/lab.conf"
_GUIDE = Path(__file__).parents[3] / "docs/docsite/rst/guide_events.rst"
#: All that is configured, but for the record of claims; units that systemd knows of.
_LEFT = (
    "find /etc ! -path '/etc/ansible*' -printf '%M %u %p %l\\n' | sort; ls -1 /var/lib; "
    f"systemctl list-units --all --plain --no-legend '{_UNIT}*'"
)


def test_the_timer_posts_what_has_drifted_and_is_lost_and_leaves_with_all_its_files(lab: Lab, tmp_path: Path) -> None:
    def events(name: str, **options: Any) -> dict[str, Any]:
        return {"name": name, "kvm.hostdev.host_events": options}

    with Webhook(tmp_path, "secret") as webhook:
        lab.put(webhook.certificate.read_text(), _CA)
        lab.put("[Service]\nTimeoutStartSec=infinity\n", _PATIENT)
        as_it_was = lab.sh(f"umask 077; cat > {_TOKEN}; {_LEFT}", text="secret\n").stdout
        options = {"url": webhook.url, "host": "kvm001", "every": 3600, "token_file": _TOKEN, "ca_file": _CA}
        claim = {"owner": "dpdk0", "requests": [{"name": "nic", "address": _VF}], "attach": [], "persist": False}
        installed = play(
            lab.inventory(),
            tasks(
                {**events("foretold", **options), "check_mode": True},
                {"name": "still", "ansible.builtin.raw": _LEFT},
                {"name": "claim", "kvm.hostdev.pci_passthrough_claim": claim},
                events("events", **options),
                events("again", **options),
            ),
        )
        assert installed.code == 0, installed.output
        statuses = [installed.of(name).status for name in ("foretold", "events", "again")]
        assert statuses == ["changed", "changed", "ok"]
        assert installed.of("still").result["stdout"].replace("\r\n", "\n") == as_it_was

        first = webhook.next()  # by the timer
        assert set(first) == set(_message_of_guide())
        assert set(first["counts"].values()) == {0}
        assert (first["host"], first["every"], first["libvirt"], first["differs"]) == ("kvm001", 3600, True, False)
        # To start what still ends would be no other run.
        lab.sh(
            f"while [ $(systemctl is-active {_UNIT}) = activating ]; do sleep 1; done; "
            f"echo {_VF} > /sys/bus/pci/drivers/vfio-pci/unbind; echo 1 > /sys/bus/pci/devices/{_LOST}/remove; "
            f"systemctl is-enabled {_UNIT}.timer && systemctl start {_UNIT}"
        )
        second = webhook.next()
    assert [device["address"] for device in second["lost"]] == [_LOST]
    assert second["drift"] == [{**_message_of_guide()["drift"][0], "address": _VF}]

    ended = play(
        lab.inventory(),
        tasks(
            {"name": "plug in", "ansible.builtin.raw": "echo 1 > /sys/bus/pci/rescan"},
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["!all", "drift"]}},
            {"name": "release", "kvm.hostdev.pci_passthrough_release": {"owner": "dpdk0"}},
            # What runs leave that were ended behind their files: units that systemd has not read.
            {"name": "written", "ansible.builtin.raw": f"sed -i s/3600/7200/ /etc/kvm.hostdev/events.conf {_TIMER}"},
            events("finished", **{**options, "every": 7200}),
            {
                "name": "timer",
                "ansible.builtin.raw": f"systemctl show -p NeedDaemonReload,TimersMonotonic {_UNIT}.timer",
            },
            {"name": "removed", "ansible.builtin.raw": f"rm {_LINK} {_TIMER}"},
            events("absent", state="absent"),
            events("absent again", state="absent"),
        ),
    )
    assert ended.code == 0, ended.output
    assert [ended.of(name).status for name in ("finished", "absent", "absent again")] == ["changed", "changed", "ok"]
    timer = ended.of("timer").result["stdout"]
    assert "NeedDaemonReload=no" in timer
    assert "OnUnitActiveUSec=2h" in timer
    assert ended.of("facts").result["ansible_facts"]["hostdev"]["drift"] == second["drift"]
    assert lab.sh(f"{_LEFT}; rm {_TOKEN} {_CA} {_PATIENT}").stdout == as_it_was


def _message_of_guide() -> dict[str, Any]:
    block = re.search(r"code-block:: json\n\n((?:   .*\n)+)", _GUIDE.read_text())
    assert block is not None
    message: dict[str, Any] = json.loads(block[1])
    return message
