# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PF has set for its VFs, as `ip -j -d link show dev PF` tells it (iproute2, ip/ipaddress.c, print_vfinfo)."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field, fields

Setting = t.Union[str, int, bool]

NO_MAC = "00:00:00:00:00:00"
"""As a VF's MAC address: the VF may choose its own."""

PROTOCOLS = ("802.1Q", "802.1ad")
LINK_STATES = ("auto", "enable", "disable")


@dataclass(frozen=True)
class LinkSettings:
    """What a PF has set for one VF, or what it shall have; None is what a driver does not tell, or nobody wants.

    Rates are in Mbit/s, 0 is no limit; VLAN 0 is none. Many drivers show the address that the VF uses, whoever set it,
    and "auto" or rate 0 where they don't know link states or rates.
    """

    mac: str | None = None
    vlan: int | None = None
    qos: int | None = None
    vlan_protocol: str | None = None
    min_tx_rate: int | None = None
    max_tx_rate: int | None = None
    spoof_check: bool | None = None
    trust: bool | None = None
    link_state: str | None = None
    query_rss: bool | None = None

    def given(self) -> dict[str, Setting]:
        """Those that are not None, by their names."""
        return {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}


SETTINGS = tuple(each.name for each in fields(LinkSettings))


@dataclass(frozen=True)
class Link:
    """A PF's interface with its VFs by their numbers.

    A VF whose driver answers with an error is left out (net/core/rtnetlink.c, rtnl_fill_vfinfo): what is not here may
    be there. `truncated` says that the list was cut by its length. `names` has the alternative names as well, `macs`
    the address that it has, and the one that its card came with where that is another.
    """

    name: str
    up: bool
    names: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    mtu: int | None = None
    vfs: t.Mapping[int, LinkSettings] = field(default_factory=dict)
    truncated: bool = False


def parse_link(output: str, complaint: str = "") -> Link:
    """The interface in the answer to `ip -j -d link show dev NAME`. Raises ValueError when it has none."""
    links = json.loads(output or "null")
    # Some releases print an empty mapping for each interface that was not asked about.
    link = next((link for link in links if isinstance(link, dict) and link.get("ifname")), None) if links else None
    if link is None:
        raise ValueError("no interface")
    vfs = [vf for vf in link.get("vfinfo_list") or () if isinstance(vf, dict) and _number(vf.get("vf")) is not None]
    name = str(link["ifname"])
    macs = (_text(link.get(key)) for key in ("address", "permaddr"))
    return Link(
        name,
        "UP" in link.get("flags", ()),
        (name, *map(str, link.get("altnames", ()))),
        tuple(mac for mac in macs if mac),
        _number(link.get("mtu")),
        {vf["vf"]: _settings(vf) for vf in vfs},
        # Since iproute2 5.11; the kernel's length of an attribute has 16 bits.
        "Truncated VF list" in complaint,
    )


def _settings(vf: t.Mapping[str, t.Any]) -> LinkSettings:
    vlans = vf.get("vlan_list")
    # [{}] is a VF without VLAN; iproute2 that knows no list writes no VLAN then.
    vlan = vf if not vlans else vlans[0] if isinstance(vlans[0], dict) else {}
    tagged = bool(vlans) or "vlan" in vlan
    rate = vf.get("rate")
    if not isinstance(rate, dict):
        rate = {}
    state = _text(vf.get("link_state"))
    return LinkSettings(
        _text(vf.get("address", vf.get("mac"))),  # "mac" before iproute2 5.3
        _number(vlan.get("vlan", 0)) if tagged else None,
        _number(vlan.get("qos", 0)) if tagged else None,
        str(vlan.get("protocol", PROTOCOLS[0])) if tagged else None,
        _number(rate.get("min_tx")),
        _number(rate.get("max_tx", vf.get("tx_rate"))),
        _flag(vf.get("spoofchk")),
        _flag(vf.get("trust")),
        state if state in LINK_STATES else None,
        _flag(vf.get("query_rss_en")),
    )


def _text(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def in_words(settings: t.Mapping[str, Setting]) -> str:
    """Settings as people read them: `vlan 100, qos 3, trust on`."""
    return ", ".join(f"{name} {_word(value)}" for name, value in settings.items())


def _word(value: Setting) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
