# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of mountinfo (fs/proc_namespace.c, show_mountinfo)."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.mountinfo import Mount, parse_mount


@pytest.mark.parametrize(
    ("line", "mount"),
    [
        (
            "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
            Mount("98:0", "/mnt2", "ext3", "/dev/root", "rw,errors=continue", "/mnt1"),
        ),
        (
            r"36 35 0:44 /a\040b /srv/a\040b\134c rw - nfs4 server:/my\040share rw",
            Mount("0:44", "/srv/a b\\c", "nfs4", "server:/my share", "rw", "/a b"),
        ),
        ("36 35 0:5 / / - tmpfs tmpfs", Mount("0:5", "/", "tmpfs", "tmpfs", "", "/")),
        ("36 35 0:5 / /x - tmpfs tmpfs rw what else", Mount("0:5", "/x", "tmpfs", "tmpfs", "rw", "/")),
    ],
)
def test_what_a_line_says(line, mount):
    assert parse_mount(line) == mount


@pytest.mark.parametrize(
    "line",
    ["", "36 35 98:0 /mnt1 /mnt2 rw", "36 35 98:0 / - ext3 /dev/root rw", "36 35 98:0 / / - ext3", "- ext3 x rw"],
)
def test_a_line_that_makes_no_sense_is_none(line):
    assert parse_mount(line) is None
