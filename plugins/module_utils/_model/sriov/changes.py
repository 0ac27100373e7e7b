# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a PF and its VFs are to what they shall be: ordered changes of one thing each.

The kernel changes the number of VFs only from and to 0 (drivers/pci/iov.c, sriov_numvfs_store), and VFs that are made
anew have nothing of what was set for those that went. Their driver may want the PF up as they are made: igbvf and
ixgbevf give themselves random MAC addresses else, and bnxt makes none.
"""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from .link_settings import NO_MAC
from .settings import DEFAULTS

if t.TYPE_CHECKING:
    from .settings import Settings
    from .state import PfState

SWITCHDEV = "switchdev"
# ice refuses another mode with VFs; mlx5 changes over those that there are, unbound, and sets them in legacy mode alone
# (k8snetworkplumbingwg/sriov-network-operator, pkg/host).
_ESWITCH_WITHOUT_VFS = ("ice",)


def mode_of_settings(present: PfState, target: PfState, driver: str | None) -> str | None:
    """The mode of the e-switch in which VFs are set on the way to the target: see changes."""
    last = target.eswitch == SWITCHDEV and driver not in _ESWITCH_WITHOUT_VFS
    return present.eswitch if last else target.eswitch or present.eswitch


AUTOPROBE, MTU, UP, ESWITCH, NUMBER, SETTING = "autoprobe", "mtu", "up", "eswitch", "number", "setting"


@dataclass(frozen=True)
class PfChange:
    """One thing of a PF, or a setting of one of its VFs (`vf`, `name`), changes; `before` is None where unknown."""

    pf: str
    kind: str
    before: t.Any
    after: t.Any
    vf: int | None = None
    name: str | None = None

    @property
    def stops_pf(self) -> bool:
        """Whether the PF stops for it, and its VFs with it."""
        return self.kind in (MTU, ESWITCH) or (self.kind == UP and not self.after)

    def as_dict(self) -> dict[str, t.Any]:
        known = {"vf": self.vf, "name": self.name}
        return {
            "pf": self.pf,
            "kind": self.kind,
            **{key: value for key, value in known.items() if value is not None},
            "before": self.before,
            "after": self.after,
        }

    def command(self) -> str:
        """What does the same by hand, in one line for a POSIX shell."""
        device = f"/sys/bus/pci/devices/{self.pf}"
        interface = f'"$(ls {device}/net | head -n 1)"'
        if self.kind == NUMBER:
            clear = f"echo 0 > {device}/sriov_numvfs; " if self.before and self.after else ""
            return f"{clear}echo {self.after} > {device}/sriov_numvfs"
        if self.kind == AUTOPROBE:
            return f"echo {int(self.after)} > {device}/sriov_drivers_autoprobe"
        if self.kind == UP:
            return f"ip link set dev {interface} {'up' if self.after else 'down'}"
        if self.kind == MTU:
            return f"ip link set dev {interface} mtu {self.after}"
        if self.kind == ESWITCH:
            return f"devlink dev eswitch set pci/{self.pf} mode {shlex.quote(str(self.after))}"
        words = {True: "on", False: "off"}
        value = words[self.after] if isinstance(self.after, bool) else shlex.quote(str(self.after))
        if self.name == MTU:
            return f'ip link set dev "$(ls {device}/virtfn{self.vf}/net | head -n 1)" mtu {value}'
        return f"ip link set dev {interface} vf {self.vf} {_IP_WORDS.get(str(self.name), self.name)} {value}"

    def __str__(self) -> str:
        if self.kind == SETTING:
            return f"VF {self.vf} of {self.pf}: {self.name} {_shown(self.before)} -> {_shown(self.after)}"
        return f"{_WORDS[self.kind]} of {self.pf}: {_shown(self.before)} -> {_shown(self.after)}"


_IP_WORDS = {"spoof_check": "spoofchk", "link_state": "state"}
_WORDS = {AUTOPROBE: "autoprobe", MTU: "MTU", UP: "interface up", ESWITCH: "e-switch", NUMBER: "VFs"}


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def changes(
    pf: str,
    present: PfState,
    target: PfState,
    administered: t.Mapping[int, Settings] | None = None,
    *,
    driver: str | None = None,
) -> list[PfChange]:
    """The changes in the order in which they are made; none where all is so.

    `administered` are by VF the settings that we know to have set, None what was known to be so: a MAC address that the
    PF shows may be the one that the VF gave itself, so that it is set once whatever it is (igb_ndo_get_vf_config).
    """
    eswitch = _of(pf, ESWITCH, present, target)
    before_vfs = driver in _ESWITCH_WITHOUT_VFS
    anew = present.number != target.number or bool(eswitch and before_vfs and present.number)
    first = [*_of(pf, AUTOPROBE, present, target), *_of(pf, MTU, present, target)]
    raised = [PfChange(pf, UP, False, True)] if anew and target.number and present.up is False else []
    up_then = present.up if not raised else True
    last = [] if target.up in (None, up_then) else [PfChange(pf, UP, up_then, target.up)]
    numbers = [PfChange(pf, NUMBER, present.number, target.number)] if anew else []
    if target.number == 0:
        return [*numbers, *eswitch, *first, *last]
    if last and target.up:
        first, last = [*first, *last], []
    known = {} if anew else dict(administered or {})
    restarted = anew or any(change.kind in (MTU, UP) for change in [*first, *raised])
    settings = _settings(pf, present, target, known, anew=anew, restarted=restarted)
    if before_vfs or target.eswitch != SWITCHDEV:
        if eswitch and anew and present.number:
            # Without VFs while the mode changes.
            removed, made = (PfChange(pf, NUMBER, *ends) for ends in ((present.number, 0), (0, target.number)))
            return [removed, *eswitch, *first, *raised, made, *settings, *last]
        return [*eswitch, *first, *raised, *numbers, *settings, *last]
    return [*first, *raised, *numbers, *settings, *eswitch, *last]


def _of(pf: str, kind: str, present: PfState, target: PfState) -> list[PfChange]:
    before, after = getattr(present, kind), getattr(target, kind)
    return [] if after in (None, before) else [PfChange(pf, kind, before, after)]


def _settings(
    pf: str, present: PfState, target: PfState, administered: t.Mapping[int, Settings], *, anew: bool, restarted: bool
) -> t.Iterator[PfChange]:
    """VFs that are still to be made will have what all are made with, and so has what a driver does not tell.

    As igb starts again it arms the spoof check of all VFs, and shows what was set before (igb_vmm_control).
    """
    for vf, settings in sorted(target.vfs.items()):
        if vf >= target.number:
            continue
        there = {**DEFAULTS, **({} if anew else present.vfs.get(vf, {}))}
        for name in ORDER:
            if name not in settings:
                continue
            if name == "mac":
                told = administered.get(vf, {})
                # What is shown may be the VF's own choice, also where it was told to choose.
                same = name in told and (settings[name] == there[name] or settings[name] == told[name] == NO_MAC)
                same = same or (anew and settings[name] == NO_MAC)
            else:
                same = there.get(name) == settings[name] and not (name == "spoof_check" and restarted)
            if not same:
                yield PfChange(pf, SETTING, there.get(name), settings[name], vf, name)


ORDER = (
    "vlan",
    "qos",
    "vlan_protocol",
    "mac",
    "min_tx_rate",
    "max_tx_rate",
    "spoof_check",
    "query_rss",
    "trust",
    "link_state",
    "mtu",
)
"""In this order settings are made: a driver may take a MAC address only while spoof check is as it was."""
