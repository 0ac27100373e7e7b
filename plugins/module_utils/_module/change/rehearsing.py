# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of a change on a recorded host: its plan, and never more."""

from __future__ import annotations

import typing as t

from ..._host.change.flow import Flow
from ..._host.change.host import ChangingHost
from ..._host.reading.binders.binders import Found as Binders
from ..._host.reading.vf_makers.vf_makers import Found as VfMakers
from ..._host.rehearsal.host import RecordedDomains, RecordedPfs, RecordedUses, RecordedVfSettings, Refusal, refused
from ..._host.rehearsal.tree import RecordedTree
from ..._model.record.schema import parse_record
from ..._model.requests.limits.times import read_moment
from ..rehearsal import recorded_host

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._model.host.device import PciDevice
    from ..._model.recording.recording import Recording


class RehearsedHost(RecordedUses, ChangingHost):
    """A recorded host. What would change one is not made at all."""

    def __init__(self, recording: Recording, domains: RecordedDomains | None) -> None:
        super().__init__(RecordedTree(recording.tree), t.cast("t.Any", domains))
        self.recording = recording
        self.binder = t.cast("t.Any", Refusal("the drivers"))
        self.pfs = t.cast("t.Any", RecordedPfs(recording.pf_states))
        self.vf_settings = t.cast("t.Any", RecordedVfSettings(recording.vf_states))

    def now(self) -> str:
        """The time of the recording; empty where that does not tell."""
        return read_moment(self.recording.recorded_at) or ""

    def binders(self) -> Binders:
        return Binders(self.recording.binders, ())

    def vf_makers(self, pf: PciDevice) -> VfMakers:
        return VfMakers(self.recording.vf_makers.get(pf.address, ()), {})


def rehearsal(module: AnsibleModule, *, needs_libvirt: bool) -> Flow:
    """The flow of a task on the recorded host that it names. Raises HostdevError outside of check mode."""
    if not module.check_mode:
        raise refused("this task")
    host = recorded_host(module.params["recording"], parse_record)
    libvirt, _reason = host.connect(required=needs_libvirt)
    domains = None if libvirt is None else RecordedDomains(libvirt.handle, libvirt.error)
    detaching = {name: module.params[name] for name in ("on_detach_timeout",) if name in module.params}
    return Flow(RehearsedHost(host.recording, domains), t.cast("t.Any", host.record), check_mode=True, **detaching)
