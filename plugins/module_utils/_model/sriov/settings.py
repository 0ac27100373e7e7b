# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is set for one VF: the names of the settings, their values as options and on record.

All but the MTU are the PF's. That one is of the VF's own interface, while a driver of the host has the VF.
"""

from __future__ import annotations

import re
import typing as t

from .. import forms, values
from ..errors import HostdevError
from .link_settings import LINK_STATES, NO_MAC, PROTOCOLS

Settings = t.Mapping[str, t.Any]
"""Some settings of one VF by their names; of those that a driver does not tell there is none."""

DEFAULTS: t.Mapping[str, t.Any] = {
    "vlan": 0,
    "qos": 0,
    "vlan_protocol": "802.1Q",
    "mac": NO_MAC,
    "min_tx_rate": 0,
    "max_tx_rate": 0,
    "trust": False,
    "query_rss": False,
    "link_state": "auto",
}
"""What a VF has that was just made, whatever its driver. Spoof check is on with some drivers and off with others."""

ORDINARY_MTU = 1500
"""What an Ethernet driver makes an interface with (net/ethernet/eth.c, ether_setup)."""

_MAC = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def _mac(value: object, path: str) -> str:
    wanted = "a MAC address of one device such as 52:54:00:12:34:56, or zeros to let the VF choose"
    address = str(value).strip().lower().replace("-", ":") if isinstance(value, str) else ""
    if not _MAC.fullmatch(address):
        from ..unquoted import and_quotes, mac_meant

        raise and_quotes(_invalid(path, value, wanted), mac_meant(value))
    # The lowest bit of the first byte is of groups (IEEE 802.3, 3.2.3).
    if int(address[:2], 16) & 1:
        raise _invalid(path, value, f"{wanted}; this one is of a group of devices")
    return address


def _whole(least: int, most: int, what: str) -> t.Callable[[object, str], int]:
    def read(value: object, path: str) -> int:
        number = values.number(value, path, what, least, "invalid_option")
        if number > most:
            raise _invalid(path, value, what)
        return number

    return read


def _flag(value: object, path: str) -> bool:
    try:
        return values.flag(value, path) == "true"
    except HostdevError as error:
        raise _invalid(path, value, error.wanted) from error


def _word_of(words: t.Sequence[str]) -> t.Callable[[object, str], str]:
    by_fold = {word.lower(): word for word in words}

    def read(value: object, path: str) -> str:
        word = by_fold.get(str(value).strip().lower())
        if word is None:
            raise _invalid(path, value, "one of " + ", ".join(words))
        return word

    return read


# 68 is the least that IPv4 takes (RFC 791); the most is each driver's own.
read_mtu = _whole(68, 65535, "an MTU of 68 to 65535 bytes")

_READERS: t.Mapping[str, t.Callable[[object, str], t.Any]] = {
    "mac": _mac,
    # 4095 is reserved (IEEE 802.1Q, table 9-2), but iproute2 and the kernel take it.
    "vlan": _whole(0, 4094, "a VLAN's number, 1 to 4094, or 0 for none"),
    "qos": _whole(0, 7, "a priority, 0 to 7"),
    "vlan_protocol": _word_of(PROTOCOLS),
    "min_tx_rate": _whole(0, 10**7, "a rate in Mbit/s, 0 for none"),
    "max_tx_rate": _whole(0, 10**7, "a rate in Mbit/s, 0 for no limit"),
    "spoof_check": _flag,
    "trust": _flag,
    "query_rss": _flag,
    "link_state": _word_of(LINK_STATES),
    "mtu": read_mtu,
}
NAMES = tuple(_READERS)

_RATE = forms.number(0)
FORM = forms.mapping(
    {},
    {
        "mac": forms.text,
        "vlan": _RATE,
        "qos": _RATE,
        "vlan_protocol": forms.one_of(*PROTOCOLS),
        "min_tx_rate": _RATE,
        "max_tx_rate": _RATE,
        "spoof_check": forms.flag,
        "trust": forms.flag,
        "query_rss": forms.flag,
        "link_state": forms.one_of(*LINK_STATES),
        "mtu": forms.number(0),
    },
)
"""Of settings on record."""


def parse_settings(value: t.Mapping[t.Any, object], path: str) -> dict[str, t.Any]:
    """Settings as they are on record; null is left as it is. Raises HostdevError with code invalid_option.

    A priority or a protocol without a VLAN is refused: the kernel takes the three together, and drops those.
    """
    values.check_keys(value, NAMES, path, "invalid_option")
    settings = {
        name: read(value[name], f"{path}.{name}") for name, read in _READERS.items() if value.get(name) is not None
    }
    for name in ("qos", "vlan_protocol"):
        if settings.get(name) not in (None, DEFAULTS[name]) and not settings.get("vlan"):
            raise HostdevError(
                "invalid_option",
                subject=f"{path}.{name}",
                found=f"found {settings[name]} without a VLAN",
                wanted="a VLAN that it is of",
                remedy=f"set {path}.vlan as well, or leave {name} out",
            )
    if settings.get("max_tx_rate") and settings.get("min_tx_rate", 0) > settings["max_tx_rate"]:
        raise _invalid(
            f"{path}.min_tx_rate", settings["min_tx_rate"], f"at most max_tx_rate, {settings['max_tx_rate']}"
        )
    if "vlan" in settings:  # the kernel takes all three at once
        settings = {"qos": 0, "vlan_protocol": "802.1Q", **settings}
    return settings


def _invalid(path: str, value: object, wanted: str) -> HostdevError:
    return HostdevError("invalid_option", subject=path, found=f"found {value!r}", wanted=wanted)
