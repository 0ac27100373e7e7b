# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab host's tree with a PF that can have as many VFs as its bus has room for."""

from __future__ import annotations

import re

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, entries
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries

_FIRST = re.compile(r"0000:01:10\.0|enp1s0v0|iommu_groups/21|virtfn0\b")


def many_vfs(number: int) -> Entries:
    """The entries with so many VFs, 64 at most; each is as the first one."""
    recorded = dict(entries())
    first = {path: entry for path, entry in recorded.items() if _FIRST.search(path)}
    for vf in range(4, number):
        place = 0x10 * 8 + vf * 2
        names = {
            "0000:01:10.0": f"0000:01:{place // 8:02x}.{place % 8}",
            "enp1s0v0": f"enp1s0v{vf}",
            "iommu_groups/21": f"iommu_groups/{100 + vf}",
            "virtfn0": f"virtfn{vf}",
        }
        for path, entry in first.items():
            recorded[_named(path, names)] = {
                key: _named(text, names) if key in ("link", "file") else text for key, text in entry.items()
            }
    (total,) = (path for path in recorded if path.endswith(f"/{IGB_PF}/sriov_totalvfs"))
    recorded[total] = {"file": f"{number}\n"}
    return recorded


def _named(text: str, names: dict[str, str]) -> str:
    return _FIRST.sub(lambda found: names[found.group()], text)
