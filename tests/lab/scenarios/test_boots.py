# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host whose IOMMU is off to one with groups, through systemd-boot; and back.

What a claim makes of a host that is booted is the same whatever boots it: `test_reboots.py` shows it with GRUB.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.lab.scenarios.booting import BOOTS, changed, files, groups, needed, role, run
from tests.lab.self_booting import SelfBooting
from tests.lab.warm import warm


def test_systemd_boot_the_reboot_may_be_the_administrator_s_and_the_role_takes_out_what_it_put_in(
    self_booting: Callable[[str], SelfBooting],
) -> None:
    host = self_booting("systemd-boot")
    warm(host)
    as_it_was, boot = files(host), host.get(BOOTS)
    assert groups(host) == 0
    wish = {"contradictions": "replace"}
    assert needed(run(host, *role(**wish)))
    assert host.get(BOOTS) == boot
    host.reboot()
    assert groups(host) > 10
    again = run(host, *role(**wish))
    assert (changed(again), needed(again)) == ([], False)
    assert needed(run(host, *role(state="absent")))
    assert files(host) == as_it_was
