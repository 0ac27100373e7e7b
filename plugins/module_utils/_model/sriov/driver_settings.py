# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What PF drivers make of the settings of their VFs: read in the sources of Linux 6.12, drivers/net/ethernet.

No call of the kernel asks whether a driver can do a thing, so before the first write this table alone can tell.
"""

from __future__ import annotations

import typing as t

from .link_settings import PROTOCOLS, SETTINGS, LinkSettings

if t.TYPE_CHECKING:
    from .link_settings import Setting

Refuses = t.Callable[[t.Any, t.Any], bool]


class Oddity(t.NamedTuple):
    """What a driver makes of these settings.

    `refuses` has a wanted value and the present one, and says whether this never works; without it the text only
    explains what the kernel refused. `switchdev` is an oddity of that mode of the e-switch alone.
    """

    settings: tuple[str, ...]
    text: str
    refuses: Refuses | None = None
    switchdev: bool = False


_VLAN = ("vlan", "qos", "vlan_protocol")
_RATES = ("min_tx_rate", "max_tx_rate")


def _always(wanted: Setting, present: Setting | None) -> bool:
    """What is so already need not be set."""
    return wanted != present


def _not_zero(wanted: Setting, _present: Setting | None) -> bool:
    return bool(wanted)


_NO_TRUST = Oddity(("trust",), "it has no trust of VFs", _always)
# Unsupported link states look like "auto", unsupported rates like 0.
_NO_STATE = Oddity(("link_state",), "it has no link state of VFs", lambda wanted, _present: wanted != "auto")
_NO_SPOOF_CHECK = Oddity(("spoof_check",), "it has no spoof check of VFs", _always)
_NO_RATE = Oddity(_RATES, "it has no rates of VFs", _not_zero)
_NO_MIN_RATE = Oddity(("min_tx_rate",), "it has no least rate of VFs", _not_zero)
_NO_802_1AD = Oddity(("vlan_protocol",), "it tags with 802.1Q only", lambda wanted, _present: wanted == "802.1ad")
_RESETS = "it resets the VF for that, and takes no other setting of it meanwhile"

_ODDITIES: t.Mapping[str, tuple[Oddity, ...]] = {
    "igb": (
        _NO_STATE,
        _NO_MIN_RATE,
        _NO_802_1AD,
        Oddity(("max_tx_rate",), "it has rates on the 82576 only, up to the link's speed, while the link is up"),
        # E1000_VLVF_ARRAY_SIZE, of which one is for VLAN 0: "File exists" is what the errno reads as.
        Oddity(("vlan",), "it has room for 31 VLANs, of all VFs and of what their own drivers ask for together"),
    ),
    "ixgbe": (
        _NO_MIN_RATE,
        Oddity(("max_tx_rate",), "a rate is above 10 Mbit/s, or 0", lambda wanted, _present: 0 < wanted <= 10),
        Oddity(("max_tx_rate",), "it has rates at a link of 10 Gbit/s only"),
        Oddity(
            ("link_state",),
            "it does not know this state, takes it and leaves all as it is",
            lambda wanted, _present: wanted == "enable",
        ),
        Oddity(("query_rss",), "it has that on 82599 and X540 only"),
    ),
    "i40e": (
        Oddity(("mac", *_VLAN, "trust", "link_state"), _RESETS),
        Oddity(SETTINGS, "it does one thing for its VFs at a time"),
        Oddity(("trust",), "it refuses trust in MFP mode, which the firmware is set to"),
    ),
    "ice": (
        Oddity(("mac", *_VLAN, "trust"), _RESETS),
        Oddity(SETTINGS, "it refuses all until the VF is initialised"),
        Oddity(("min_tx_rate",), "the least rates of all VFs together stay below the link's speed"),
        Oddity(("vlan_protocol",), "it has 802.1ad in double VLAN mode only"),
        Oddity(("trust",), "it has no trust in switchdev mode", _always, switchdev=True),
    ),
    "mlx5_core": (
        Oddity(("vlan",), "in switchdev mode it takes no VLAN: the flow rules of the switch do that", _not_zero, True),
        Oddity(
            ("spoof_check", "trust", "link_state"),
            "in switchdev mode the switch decides on that",
            _always,
            switchdev=True,
        ),
        Oddity(SETTINGS, "only the function that manages the e-switch may set it"),
        Oddity(("spoof_check",), "with spoof check on it may block a VF that has no MAC address"),
    ),
    "mlx4_core": (_NO_TRUST,),
    "enic": (
        _NO_STATE,
        Oddity(
            (*_VLAN, *_RATES, "spoof_check", "trust", "query_rss"),
            "it sets the MAC address of a VF, and nothing else",
            lambda wanted, present: _not_zero(wanted, present) and wanted != PROTOCOLS[0],
        ),
    ),
    "bnxt_en": (
        Oddity(("qos",), "it takes a priority with a VLAN only"),
        Oddity(("trust",), "it takes trust and says nothing where its firmware can't do it"),
    ),
    "qede": (
        Oddity(
            _RATES,
            "it ignores rate 0: a limit goes only with the VFs themselves",
            lambda wanted, present: wanted == 0 and bool(present),
        ),
        Oddity(("mac", "trust", "spoof_check"), "it does that later, by itself, and says nothing when it fails"),
    ),
    "be2net": (_NO_TRUST, _NO_MIN_RATE, Oddity(("max_tx_rate",), "it takes a rate while the link is up only")),
    "bnx2x": (_NO_TRUST, _NO_RATE),
    "cxgb4": (_NO_TRUST, _NO_SPOOF_CHECK, _NO_MIN_RATE),
    "sfc": (_NO_TRUST, _NO_RATE),
    "rvu_nicpf": (_NO_STATE, _NO_SPOOF_CHECK, _NO_RATE),  # octeontx2
    "ena": (Oddity(SETTINGS, "it sets nothing for its VFs", _always),),
}

SPOOF_CHECK: t.Mapping[str, bool] = {"igb": True, "ixgbe": True, "i40e": True, "ice": True, "mlx5_core": False}
"""Whether VFs that were just made have their spoof check on; of other drivers that is not known."""

_UNKNOWN = LinkSettings()


def refusals(
    driver: str | None, wanted: LinkSettings, present: LinkSettings = _UNKNOWN, *, switchdev: bool = False
) -> dict[str, str]:
    """The wanted settings that this driver never takes, by name, with the reason; not those that are so already."""
    reasons: dict[str, str] = {}
    for name, value in wanted.given().items():
        now = getattr(present, name)
        for oddity in _of(driver, name, switchdev):
            if value != now and oddity.refuses is not None and oddity.refuses(value, now):
                reasons.setdefault(name, f"the driver {driver} refuses it: {oddity.text}")
    return reasons


def known_of(driver: str | None, names: t.Iterable[str]) -> str:
    """What is known of these settings at a driver that has just refused them, in one text; "" when nothing is."""
    texts = dict.fromkeys(oddity.text for name in names for oddity in _of(driver, name, switchdev=True))
    return f"of the driver {driver} is known: {'; '.join(texts)}" if texts else ""


def _of(driver: str | None, name: str, switchdev: bool) -> t.Iterator[Oddity]:
    for oddity in _ODDITIES.get(driver or "", ()):
        if name in oddity.settings and (switchdev or not oddity.switchdev):
            yield oddity
