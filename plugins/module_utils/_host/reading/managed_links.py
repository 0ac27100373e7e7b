# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services of the host manage an interface, as they themselves have it on record in /run."""

from __future__ import annotations

import typing as t

from ..._model.sriov.makers.sections import entries

if t.TYPE_CHECKING:
    from ..sysfs import Tree

NETWORK_MANAGER = "NetworkManager"
NETWORKD = "systemd-networkd"


def managers(tree: Tree, interface: str) -> dict[str, bool | None]:
    """Whether each service that runs manages the interface; None where it does not tell, and may."""
    index = tree.number(f"/sys/class/net/{interface}/ifindex")
    if index is None:
        return {}
    answers: dict[str, bool | None] = {}
    if tree.exists("/run/NetworkManager"):
        answers[NETWORK_MANAGER] = _network_manager(tree, index)
    if tree.exists("/run/systemd/netif"):
        answers[NETWORKD] = _networkd(tree, index)
    return answers


def _network_manager(tree: Tree, index: int) -> bool | None:
    """Its own state first: who tells it to manage an interface (nmcli device set) overrules the udev property."""
    state = entries(tree.text(f"/run/NetworkManager/devices/{index}") or "")
    managed = next((entry.value for entry in state if (entry.name, entry.key) == ("device", "managed")), None)
    if managed in ("true", "false"):
        return managed == "true"
    properties = tree.lines(f"/run/udev/data/n{index}")
    return False if any(f"E:NM_UNMANAGED={value}" in properties for value in ("1", "true")) else None


def _networkd(tree: Tree, index: int) -> bool:
    """It has a file of each interface that it knows (sd-network, link state)."""
    for line in tree.lines(f"/run/systemd/netif/links/{index}"):
        if line.startswith("ADMIN_STATE="):
            return line.partition("=")[2] not in ("", "unmanaged", "linger")
    return False
