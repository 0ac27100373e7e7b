# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trust and spoof check of VFs: what to set for a claim, and what to put back, given what the PF has now.

libvirt sets a VF's MAC address and VLAN and puts them back. These two it does not know, so they are ours.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..address import address_order
from ..errors import HostdevError
from ..guest.domain import LIVE
from .change import RELEASE
from .steps import VfSettingsStep

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..host.vf_state import VfState
    from .change import Change
    from .steps import HostdevStep


def vfs_concerned(change: Change) -> list[str]:
    """Addresses of the devices whose settings the change may set or put back: those that have a network now, or had.

    Of a release only those that it gives back.
    """
    before, after = change.before, change.after
    addresses = {address for address, held in before.holdings.items() if held.vf_settings}
    addresses.update(address for address in after.holdings if after.options(address).network is not None)
    if change.operation == RELEASE:
        addresses -= after.holdings.keys()
    return sorted(addresses, key=address_order)


def note_originals(claim: Claim, states: t.Mapping[str, VfState]) -> Claim:
    """The claim with what each setting that it changes was before. Raises HostdevError for one that is not known."""
    holdings = dict(claim.holdings)
    for address, held in claim.holdings.items():
        wanted, state = _wanted(claim, address), states.get(address)
        if state is None:
            continue
        originals = {name: held.vf_settings.get(name, state.settings.get(name)) for name in wanted}
        for name, original in originals.items():
            if original is None:
                raise HostdevError(
                    "vf_setting_failed",
                    subject=f"{name} of {address}, VF {state.index} of {state.pf}",
                    found="the driver of the physical function does not tell how it is set",
                    wanted=f"a driver that has it, to set it for request {held.request}",
                    remedy=f"take network.{name} out of the request, or update the driver of {state.pf}",
                )
        holdings[address] = replace(
            held, vf_settings={name: original for name, original in originals.items() if original is not None}
        )
    return replace(claim, holdings=holdings)


def settings_steps(before: Claim, after: Claim, states: t.Mapping[str, VfState]) -> list[VfSettingsStep]:
    """A step for each VF that is not set as it shall be: as asked for, or as it was where nobody asks any more."""
    steps = []
    for address, state in states.items():
        held = before.holdings.get(address)
        target = {**(held.vf_settings if held is not None else {}), **_wanted(after, address)}
        current = {name: state.settings.get(name) for name in target}
        if current != target:
            known = {name: value for name, value in current.items() if value is not None}
            steps.append(VfSettingsStep(address, state.pf, state.index, known, target))
    return steps


def check_up(steps: t.Iterable[HostdevStep], states: t.Mapping[str, VfState]) -> None:
    """Refuse an interface for a running guest whose PF is down: libvirt would, in the middle (virNetDevSetVfConfig)."""
    for step in steps:
        state = states.get(step.address)
        if state is None or state.up or step.place != LIVE or step.after is None:
            continue
        raise HostdevError(
            "pf_down",
            subject=f"{step.address}, to attach to domain {step.domain} (live)",
            found=f"the interface {state.interface} of its physical function {state.pf} is down",
            wanted="an interface that is up: libvirt sets MAC address and VLAN through it",
            remedy=f"ip link set {state.interface} up, and let the host do so at boot, or no guest starts with it",
        )


def _wanted(claim: Claim, address: str) -> dict[str, bool]:
    network = claim.options(address).network
    return {} if network is None else network.settings()
