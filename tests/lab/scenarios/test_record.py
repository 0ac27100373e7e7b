# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record on real file systems: full, read-only, spoiled, gone: no claim is lost, no device is given out twice."""

from __future__ import annotations

from typing import Any

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import RECORD, HostState, read_state, reading, state_at

RAW = "ansible.builtin.raw"
CLAIM, RELEASE = "kvm.hostdev.pci_passthrough_claim", "kvm.hostdev.pci_passthrough_release"
SMALL = "/srv/small"
DISK = {"owner": "dpdk0", "requests": [{"name": "disk", "address": topology.NVME}]}
OTHER = {"owner": "dpdk1", "requests": [{"name": "disk", "address": topology.NVME}]}


def _mode(lab: Lab) -> str:
    return lab.sh(f"stat -c %a {RECORD}").stdout.strip()


def test_a_full_and_a_read_only_file_system_stop_a_claim_before_its_first_step(lab: Lab, before: HostState) -> None:
    wish: dict[str, Any] = {**DISK, "facts_path": SMALL}
    lab.sh(f"mkdir -p {SMALL} && mount -t tmpfs -o size=16k,mode=0755 small {SMALL}")
    try:
        lab.sh(
            f"dd if=/dev/zero of={SMALL}/filling bs=4k 2> /dev/null; test $(df --output=avail {SMALL} | tail -1) = 0"
        )
        result = play(
            lab.inventory(),
            tasks(
                {"name": "full", CLAIM: wish, "ignore_errors": True},
                {"name": "files", RAW: f"ls -A {SMALL}"},
                reading("after full"),
                {"name": "mount anew", RAW: f"rm {SMALL}/filling && mount -o remount,ro {SMALL}"},
                {"name": "ro", CLAIM: wish, "ignore_errors": True},
                reading("after ro"),
            ),
        )
        assert result.code == 0, result.output
        for name, reason in (("full", "No space left on device"), ("ro", "Read-only file system")):
            failed = result.of(name).result
            assert failed["error"]["code"] == "record_unwritable"
            assert reason in failed["msg"]
            assert state_at(result, f"after {name}") == before
        assert result.of("files").result["stdout"].split() == ["filling"]
    finally:
        lab.sh(f"umount {SMALL}")


def test_a_record_that_was_spoiled_is_mended_or_brought_back_by_the_command_of_the_error(
    lab: Lab, before: HostState
) -> None:
    made = play(
        lab.inventory(),
        tasks(
            {"name": "claim", CLAIM: DISK},
            {"name": "record", RAW: f"cat {RECORD}"},
            {"name": "copy", RAW: f"cat {RECORD}.last-good"},
            # Fact gathering would run it.
            {"name": "make it executable", RAW: f"chmod 755 {RECORD}"},
            {"name": "mend", CLAIM: DISK},
        ),
    )
    assert made.code == 0, made.output
    assert made.of("record").result["stdout"] == made.of("copy").result["stdout"]
    mended = made.of("mend")
    good = lab.get(RECORD)
    assert good.splitlines() == made.of("record").result["stdout_lines"]
    assert mended.status == "changed"
    assert [text for text in mended.result["warnings"] if "was executable" in text]
    assert _mode(lab) == "644"

    # Broken off in the middle, as by a file system that lost it; then gone.
    for spoil, code in ((f"truncate -s 100 {RECORD}", "record_unreadable"), (f"rm {RECORD}", "record_missing")):
        lab.sh(spoil)
        bindings = read_state(lab).bindings
        refused = (
            play(lab.inventory(), tasks({"name": "other", CLAIM: OTHER, "ignore_errors": True})).of("other").result
        )
        assert refused["error"]["code"] == code
        assert read_state(lab).bindings == bindings
        lab.sh(refused["error"]["commands"]["restore"])
        assert lab.get(RECORD) == good
        assert _mode(lab) == "644"
    assert lab.sh(f"stat -c %s {RECORD}.broken").stdout.strip() == "100"

    result = play(
        lab.inventory(),
        tasks(
            {"name": "other", CLAIM: OTHER, "ignore_errors": True},
            {"name": "release", RELEASE: {"owner": "dpdk0"}},
        ),
    )
    assert result.of("other").result["error"]["code"] == "device_blocked"
    assert result.of("release").status == "changed"
    after = read_state(lab)
    assert (after.bindings, after.domains) == (before.bindings, before.domains)
    assert after.claims() == []
    lab.sh(f"rm {RECORD}.broken")
