# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel itself has block devices open for: what lies on them, whoever made it, and whatever it is."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from .block_devices import BlockDevices

Use = tuple[str, str, str]
"""A blocker's code, the block device, and a detail."""

# A table's UUID begins with a word for who made it (libcryptsetup, multipath-tools, stratisd, dmraid ...).
_TABLES = {
    "CRYPT": "encryption",
    "mpath": "multipath",
    "stratis": "Stratis",
    "DMRAID": "a RAID of the firmware",
    "VDO": "VDO",
}
_KINDS = {
    "loop": "loop device {} has it open",
    "zram": "{} writes back to it",
    "drbd": "DRBD volume {} lies on it",
    "bcache": "bcache device {} lies on it",
}
_CLASS = "/sys/class/block"


def held(blocks: BlockDevices) -> t.Iterator[Use]:
    """A use for each block device that lies on others, and for each holder that the kernel tells of a device.

    block/holder.c links both ways, `slaves` and `holders`; not all who hold a device are block devices themselves.
    """
    for name in blocks.names:
        if blocks.below(name) and not blocks.is_partition(name):
            yield _word(blocks, name, name)
        holders = blocks.tree.names(f"{_CLASS}/{name}/holders")
        for holder in holders:
            if name not in blocks.below(holder):
                yield _word(blocks, holder, name)
        # A caching device without anything to cache for is held by no block device (drivers/md/bcache/super.c).
        if blocks.tree.exists(f"{_CLASS}/{name}/bcache") and not re.fullmatch(r"bcache\d+", name):
            yield "kernel_holder", name, f"{name} is registered with bcache"


def _word(blocks: BlockDevices, holder: str, block: str) -> Use:
    """The use of `block` by what holds it, in the best word for that."""
    tree, path = blocks.tree, f"{_CLASS}/{holder}"
    code = "kernel_holder"
    if holder.startswith("dm-"):
        uuid, name = tree.text(f"{path}/dm/uuid") or "", tree.text(f"{path}/dm/name") or holder
        maker = uuid.partition("-")[0]
        if maker == "LVM":
            code = "lvm"
            return code, block, f"logical volume {name} lies on it"
        known = f" ({_TABLES.get(maker, maker)})" if maker else ""
        return code, block, f"the device mapper holds it for {name}{known}"
    if re.fullmatch(r"md(\d+|_.+)", holder) or tree.exists(f"{path}/md"):
        code = "md"
        return code, block, f"software RAID {holder} lies on it"
    return code, block, _KINDS.get(re.sub(r"\d+$", "", holder), "the kernel's {} lies on it").format(holder)
