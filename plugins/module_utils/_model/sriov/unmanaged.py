# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that keep NetworkManager and systemd-networkd off VFs that are to be given away.

Needed only where VFs get a driver, and so an interface, at all. The VFs are known by the physical function that they
belong to and by their own addresses, and never by the names of their interfaces, which change.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

RULES_PATH = "/etc/udev/rules.d/90-kvm-hostdev-vfs.rules"
"""After 85-nm-unmanaged.rules, NetworkManager's own."""

NETWORK_PATH = "/etc/systemd/network/00-kvm-hostdev-vfs.network"
"""Before all others, since the first that matches counts. Without a file of rules it matches nothing."""

_MARK = "KVM_HOSTDEV_VF"
_HEAD = "# Made by kvm.hostdev for VFs that are given to guests; goes with them.\n"

OWN_LINES: tuple[str, ...] = (
    *(_HEAD.rstrip(), "ACTION!=", "SUBSYSTEM!=", "TEST!=", "ATTR{device/physfn", f"ENV{{{_MARK}}}", "LABEL="),
    *("[Match]", "Property=", "[Link]", "Unmanaged="),
)
"""What lines of these files begin with."""


@dataclass(frozen=True)
class GivenAway:
    """VFs of a PF, whose `ids` are vendor and product as lspci -n prints them; all of them where none are named."""

    pf: str
    ids: str
    vfs: tuple[str, ...] = ()


def udev_rules(given_away: t.Sequence[GivenAway]) -> str:
    """The file of rules; "" when there is nothing to keep anybody off, and so no file.

    A rename is a `move`, after which NetworkManager looks at the property again (udev(7), libudev's database).
    """
    if not given_away:
        return ""
    rules = [
        _HEAD,
        'ACTION!="add|change|move", GOTO="kvm_hostdev_end"\n',
        'SUBSYSTEM!="net", GOTO="kvm_hostdev_end"\n',
        'TEST!="device/physfn", GOTO="kvm_hostdev_end"\n',
        *(_rule(vfs) for vfs in sorted(given_away, key=lambda vfs: vfs.pf)),
        # systemd-networkd takes no interface that somebody else is said to manage (since 255).
        f'ENV{{{_MARK}}}=="1", ENV{{NM_UNMANAGED}}="1", ENV{{ID_NET_MANAGED_BY}}="kvm.hostdev"\n',
        'LABEL="kvm_hostdev_end"\n',
    ]
    return "".join(rules)


def _rule(vfs: GivenAway) -> str:
    """What the kernel says of the PF has its ids before its address; another card at the address is not meant."""
    pf = f'ATTR{{device/physfn/uevent}}=="*PCI_ID={vfs.ids.upper()}*PCI_SLOT_NAME={vfs.pf}*"'
    own = f', KERNELS=="{"|".join(vfs.vfs)}"' if vfs.vfs else ""
    return f'{pf}{own}, ENV{{{_MARK}}}="1"\n'


def network_file(given_away: t.Sequence[GivenAway]) -> str:
    """The file for a systemd-networkd older than 255, by the property that the rules give; "" as above."""
    if not given_away:
        return ""
    return f"{_HEAD}[Match]\nProperty={_MARK}=1\n\n[Link]\nUnmanaged=yes\n"
