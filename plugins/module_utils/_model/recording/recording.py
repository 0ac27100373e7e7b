# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of a recording: one JSON document.

`tree` has what was read of the host's files, folders as objects by name: a text is a file with that text, null
something that is there and was not looked into, `["link", TARGET]` a link, `["bytes", HEX]` a file that is no text.
The rest are answers that no file gives: `uses` by the host (fields of HostUse) and `part_uses` by domains (address and
fields of DomainUse), `vf_states` by the VF's address (fields of VfState), `pf_states` by the PF's (fields of PfState),
`vf_makers` by the PF's address too (fields of VfMaker), `binders` of devices (fields of Fighter), `libvirt` (null with
the `libvirt_reason` where it could not be asked) with its domains and node devices, and `record`, the text of
hostdev.fact or null.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

from ..binders.fighter import Fighter
from ..errors import HostdevError
from ..host.uses import DomainUse, HostUse
from ..host.vf_state import VfState
from ..sriov.makers.maker import VfMaker
from ..sriov.state import PfState

FORMAT = 1
_MARK = "kvm_hostdev_recording"
_KEYS = {
    "tree": dict,
    "uses": list,
    "part_uses": list,
    "vf_states": dict,
    "pf_states": dict,
    "vf_makers": dict,
    "binders": list,
    "libvirt_reason": str,
    "recorded_at": str,
    "anonymous": bool,
}


@dataclass(frozen=True)
class RecordedDomain:
    """A domain with its two XMLs, None of what it has not."""

    name: str
    uuid: str
    config: str | None
    live: str | None


@dataclass(frozen=True)
class RecordedLibvirt:
    """What libvirt told: versions as its numbers, `hypervisor_version` None of a driver that has none."""

    uri: str
    hypervisor: str
    version: int
    hypervisor_version: int | None
    domains: tuple[RecordedDomain, ...] = ()
    node_devices: tuple[tuple[str, str], ...] = ()
    """Name and XML of each."""


@dataclass(frozen=True)
class Recording:
    """A host as it was `recorded_at` (ISO 8601, UTC)."""

    tree: t.Mapping[str, t.Any]
    uses: tuple[HostUse, ...] = ()
    part_uses: tuple[tuple[str, DomainUse], ...] = ()
    vf_states: t.Mapping[str, VfState] = field(default_factory=dict)
    pf_states: t.Mapping[str, PfState] = field(default_factory=dict)
    vf_makers: t.Mapping[str, tuple[VfMaker, ...]] = field(default_factory=dict)
    binders: tuple[Fighter, ...] = ()
    libvirt: RecordedLibvirt | None = None
    libvirt_reason: str = ""
    record: str | None = None
    recorded_at: str = ""
    anonymous: bool = True

    def as_dict(self) -> dict[str, t.Any]:
        return {
            _MARK: FORMAT,
            "anonymous": self.anonymous,
            "recorded_at": self.recorded_at,
            "tree": self.tree,
            "uses": [asdict(use) for use in self.uses],
            "part_uses": [[address, asdict(use)] for address, use in self.part_uses],
            "vf_states": {address: asdict(state) for address, state in self.vf_states.items()},
            "pf_states": {address: state.as_dict() for address, state in self.pf_states.items()},
            "vf_makers": {address: [asdict(maker) for maker in makers] for address, makers in self.vf_makers.items()},
            "binders": [fighter.as_dict() for fighter in self.binders],
            "libvirt": None if self.libvirt is None else asdict(self.libvirt),
            "libvirt_reason": self.libvirt_reason,
            "record": self.record,
        }


def parse_recording(value: object, where: str) -> Recording:
    """The recording in a JSON value. Raises HostdevError with code recording_unreadable; `where` names the file."""
    if not isinstance(value, dict) or _MARK not in value:
        raise unreadable(where, "it is no recording of a host")
    if value[_MARK] != FORMAT:
        raise unreadable(where, f"its form is {value[_MARK]!r:.20}", f"form {FORMAT}; update the collection")
    for key, kind in _KEYS.items():
        if not isinstance(value.get(key), kind):
            raise unreadable(where, f"{key} is not of the form that is known")
    try:
        return _recording(value)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise unreadable(where, f"a part of it is not of the form that is known ({error!s:.200})") from error


def _recording(value: t.Mapping[str, t.Any]) -> Recording:
    libvirt, record = value["libvirt"], value["record"]
    if not isinstance(record, (str, type(None))):
        raise TypeError("record is no text")
    return Recording(
        tree=value["tree"],
        uses=tuple(HostUse(**use) for use in value["uses"]),
        part_uses=tuple((str(address), DomainUse(**use)) for address, use in value["part_uses"]),
        vf_states={address: VfState(**state) for address, state in value["vf_states"].items()},
        pf_states={address: PfState.from_dict(state) for address, state in value["pf_states"].items()},
        vf_makers={
            address: tuple(VfMaker(**maker) for maker in makers) for address, makers in value["vf_makers"].items()
        },
        binders=tuple(Fighter(**{**told, "ids": tuple(told["ids"])}) for told in value["binders"]),
        libvirt=None if libvirt is None else _libvirt(libvirt),
        libvirt_reason=value["libvirt_reason"],
        record=record,
        recorded_at=value["recorded_at"],
        anonymous=value["anonymous"],
    )


def _libvirt(value: t.Mapping[str, t.Any]) -> RecordedLibvirt:
    domains = tuple(RecordedDomain(**domain) for domain in value["domains"])
    nodes = tuple((str(name), str(xml)) for name, xml in value["node_devices"])
    return RecordedLibvirt(**{**value, "domains": domains, "node_devices": nodes})


def unreadable(where: str, found: str, wanted: str = "a file that kvm.hostdev.record_host has written") -> HostdevError:
    return HostdevError("recording_unreadable", subject=f"recording {where}", found=found, wanted=wanted)
