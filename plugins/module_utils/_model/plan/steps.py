# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of steps there are, and reading one from the journal."""

from __future__ import annotations

import typing as t

from .. import forms
from .kinds.driver import DriverStep
from .kinds.element import ElementStep
from .kinds.hostdev import HostdevStep
from .kinds.node import NodeStep
from .kinds.root_ports import RootPortsStep
from .kinds.step import Step
from .kinds.vf_settings import VfSettingsStep

__all__ = [
    "KINDS",
    "DriverStep",
    "ElementStep",
    "HostdevStep",
    "NodeStep",
    "RootPortsStep",
    "Step",
    "VfSettingsStep",
    "of_kind",
    "step_form",
    "step_from_dict",
]

_S = t.TypeVar("_S", bound=Step)

KINDS: t.Mapping[str, type[Step]] = {
    kind.kind: kind for kind in (DriverStep, HostdevStep, VfSettingsStep, RootPortsStep, NodeStep)
}
"""By the word for them in the journal. Sections of a diff follow each other in this order."""


def step_form(value: object, path: str) -> None:
    """The form of a step as as_dict writes it, whichever kind it says it is of."""
    kind = forms.part(value, "kind", path)
    forms.one_of(*KINDS)(kind, f"{path}.kind")
    KINDS[kind].FORM(value, path)


def step_from_dict(data: t.Mapping[str, t.Any]) -> Step:
    """Read a step as as_dict wrote it into the journal. Raises KeyError for a kind that there is none of."""
    return KINDS[data["kind"]].from_dict(data)


def of_kind(steps: t.Iterable[Step], kind: type[_S]) -> list[_S]:
    """The steps of one kind, for what is told of that kind alone."""
    return [step for step in steps if isinstance(step, kind)]
