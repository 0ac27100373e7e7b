# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of a run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..reading.pci.functions import read_device

if t.TYPE_CHECKING:
    from ..._model.claims.claim import Owner
    from ..._model.decision.adoption.adoption import Adoption
    from ..._model.decision.vfs.decision import VfsDecision
    from ..._model.errors import HostdevError
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import DriverStep
    from ..._model.relations.told import Together
    from ..sysfs import Tree


class Failure(t.NamedTuple):
    """What could not be brought back: a device or PF by its address, its owner if it has one, and why."""

    address: str
    owner: Owner | None
    error: HostdevError

    def as_dict(self) -> dict[str, t.Any]:
        owner = None if self.owner is None else self.owner.as_dict()
        return {"address": self.address, "owner": owner, "code": self.error.code, "reason": self.error.message}


@dataclass
class Outcome:
    """What a run did, or in check mode would do: a plan for each owner, and the diff in Ansible's form.

    `recovered` says that an interrupted run was settled, in check mode that one is on record.
    `cleaned` are one-time-use devices that may be used again, `stopped` names of domains that were stopped hard,
    `mended` says that the record's mode was put right. `vfio_again` are devices that were to go to the host's driver,
    and for which the kernel chose a VFIO driver. `vfs` are the PFs whose VFs were asked for. `moved` are the present
    addresses by those that were on record, `failed` what could not be brought back to the record, `kept` the diff of
    the files that bring devices back, `adoption` what was written down of a host where that was done by hand.
    `let_go` are functions that were kept from the host's drivers at boot for nobody, `kept_off` is the diff of
    the files that keep the host's network services off VFs. `stale` are owners and requests that the host's data no
    longer names, `undeclared` those that it never named and that others claimed. `together` says by owner how devices
    belong together, `of_several` how those of several owners do; `complete` is false where a better choice may exist.
    """

    plans: list[Plan] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    recovered: bool = False
    mended: bool = False
    cleaned: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    vfio_again: list[str] = field(default_factory=list)
    vfs: list[VfsDecision] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    kept: list[dict[str, str]] = field(default_factory=list)
    adoption: Adoption | None = None
    let_go: list[DriverStep] = field(default_factory=list)
    kept_off: list[dict[str, str]] = field(default_factory=list)
    stale: list[tuple[Owner, str]] = field(default_factory=list)
    undeclared: list[tuple[Owner, str]] = field(default_factory=list)
    together: dict[str, Together] = field(default_factory=dict)
    of_several: Together | None = None
    complete: bool = True

    def note_vfio(self, tree: Tree, plan: Plan) -> None:
        """Note what of a plan that gave devices to the host's own drivers has a VFIO driver all the same."""
        for address in plan.before.holdings:
            device = None if address in plan.after.holdings else read_device(tree, address)
            if device is not None and device.vfio:
                self.vfio_again.append(address)
                self.warnings.append(
                    f"{address} has {device.driver} by the kernel's own choice: see `vfio-pci.ids` on the kernel's "
                    "command line and `options vfio-pci ids=` in /etc/modprobe.d"
                )

    @property
    def owners(self) -> list[Owner]:
        """The owners that are told of."""
        named = [owner for owner, _request in (*self.stale, *self.undeclared)]
        return [*(plan.after.owner for plan in self.plans), *named]

    @property
    def changed(self) -> bool:
        done = self.recovered or self.mended or bool(self.cleaned or self.stopped or self.moved)
        done = done or bool(self.let_go or self.kept or self.kept_off)
        done = done or (self.adoption is not None and self.adoption.changed)
        return done or any(plan.changed for plan in self.plans) or any(pf.changed for pf in self.vfs)
