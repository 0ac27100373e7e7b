# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commands bring a VF's settings from what they are to what they shall be, and in which order.

One setting a command: of several in one message the kernel keeps those before the first that is refused
(net/core/rtnetlink.c, do_setvfinfo). VLAN first, so that a guest never has a moment in a foreign network; trust and the
link's state last. A new MAC address is set while the spoof check is off: with it on some drivers drop what the VF sends
until it knows its address.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from .link_settings import NO_MAC, PROTOCOLS, LinkSettings, in_words

if t.TYPE_CHECKING:
    from .link_settings import Setting


class LinkChange(t.NamedTuple):
    """`words` for `ip link set dev PF vf N`, and the settings that it makes; `aside` says that it won't stay so."""

    words: tuple[str, ...]
    settings: t.Mapping[str, Setting]
    aside: bool = False

    def is_in(self, present: LinkSettings) -> bool:
        """Whether it shows. Which address a VF chooses that may choose is not ours to expect."""
        return all(
            getattr(present, name) == value for name, value in self.settings.items() if (name, value) != ("mac", NO_MAC)
        )

    def __str__(self) -> str:
        return in_words(self.settings)


# What must be written even where it shows already: each restart of the PF makes igb's hardware check again, while it
# still shows "off" (igb_main.c, igb_reset: igb_vmdq_set_anti_spoofing_pf and the vf_data beside it).
_SHOWN_WRONGLY: t.Mapping[str, LinkSettings] = {"igb": LinkSettings(spoof_check=False)}


def link_changes(
    present: LinkSettings, wanted: LinkSettings, driver: str | None, anew: t.Collection[str] = ()
) -> list[LinkChange]:
    """What must be written, in order; settings named in `anew` are written even where they show already."""
    wrongly = _SHOWN_WRONGLY.get(driver or "", LinkSettings()).given()
    named = {*anew, *(name for name, value in wrongly.items() if getattr(wanted, name) == value)}
    mac = _mac(present, wanted, named)
    check = wanted.spoof_check
    aside: list[LinkChange] = []
    if mac and present.spoof_check is True:
        # Off for the address, and then what is wanted, or what there was.
        check = True if check is None else check
        aside = [_flag("spoof_check", False, aside=check)]
        present = replace(present, spoof_check=False)
    return [
        *_vlan(present, wanted, named),
        *aside,
        *mac,
        *_rates(present, wanted, named),
        *_flags(present, LinkSettings(spoof_check=check), named),
        *_flags(present, LinkSettings(trust=wanted.trust), named),
        *_state(present, wanted, named),
        *_flags(present, LinkSettings(query_rss=wanted.query_rss), named),
    ]


def _differs(present: LinkSettings, settings: t.Mapping[str, Setting], anew: t.Collection[str]) -> bool:
    return any(getattr(present, name) != value or name in anew for name, value in settings.items())


def _vlan(present: LinkSettings, wanted: LinkSettings, anew: t.Collection[str]) -> list[LinkChange]:
    """VLAN, priority and protocol are one setting: what is not wanted of it stays, and without VLAN there is none."""
    if wanted.vlan is None and wanted.qos is None and wanted.vlan_protocol is None:
        return []
    vlan = _first(wanted.vlan, present.vlan, 0)
    qos = _first(wanted.qos, present.qos, 0) if vlan else wanted.qos or 0
    protocol = _first(wanted.vlan_protocol, present.vlan_protocol, PROTOCOLS[0]) if vlan else PROTOCOLS[0]
    settings: dict[str, Setting] = {"vlan": vlan, "qos": qos, "vlan_protocol": protocol}
    if not _differs(present, settings, anew):
        return []
    # The protocol is named only where it is another than the kernel's own: old releases don't know the word.
    words = ("vlan", str(vlan), *(("qos", str(qos)) if qos else ()))
    return [LinkChange((*words, *(("proto", protocol) if protocol != PROTOCOLS[0] else ())), settings)]


def _mac(present: LinkSettings, wanted: LinkSettings, anew: t.Collection[str]) -> list[LinkChange]:
    if wanted.mac is None:
        return []
    settings: dict[str, Setting] = {"mac": wanted.mac.lower()}
    return [LinkChange(("mac", wanted.mac.lower()), settings)] if _differs(present, settings, anew) else []


def _rates(present: LinkSettings, wanted: LinkSettings, anew: t.Collection[str]) -> list[LinkChange]:
    """Both at once: of two rates given one, `ip` reads the other one by itself and sends both."""
    if wanted.min_tx_rate is None and wanted.max_tx_rate is None:
        return []
    most = _first(wanted.max_tx_rate, present.max_tx_rate, 0)
    least = _first(wanted.min_tx_rate, present.min_tx_rate, 0)
    settings: dict[str, Setting] = {"max_tx_rate": most, "min_tx_rate": least}
    if not _differs(present, settings, anew):
        return []
    return [LinkChange(("max_tx_rate", str(most), "min_tx_rate", str(least)), settings)]


_FLAG_WORDS = {"spoof_check": "spoofchk", "trust": "trust", "query_rss": "query_rss"}


def _flags(present: LinkSettings, wanted: LinkSettings, anew: t.Collection[str]) -> list[LinkChange]:
    flags = wanted.given().items()
    return [_flag(name, bool(value)) for name, value in flags if _differs(present, {name: value}, anew)]


def _flag(name: str, value: bool, *, aside: bool = False) -> LinkChange:
    return LinkChange((_FLAG_WORDS[name], "on" if value else "off"), {name: value}, aside)


def _state(present: LinkSettings, wanted: LinkSettings, anew: t.Collection[str]) -> list[LinkChange]:
    if wanted.link_state is None or not _differs(present, {"link_state": wanted.link_state}, anew):
        return []
    return [LinkChange(("state", wanted.link_state), {"link_state": wanted.link_state})]


_Value = t.TypeVar("_Value")


def _first(wanted: _Value | None, present: _Value | None, default: _Value) -> _Value:
    return next((value for value in (wanted, present) if value is not None), default)
