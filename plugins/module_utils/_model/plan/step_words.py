# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of a plan do to each device, in words. Only a plan that changes something needs it."""

from __future__ import annotations

import typing as t

from ..claims.words import BESIDE, devices_told, grouped, ids_of, name_of, short
from ..errors import few
from ..guest.domain import CONFIG, LIVE
from .kinds.element import ElementStep
from .plan import CLAIM
from .steps import DriverStep, RootPortsStep, VfSettingsStep, of_kind

if t.TYPE_CHECKING:
    from ..claims.words import Held
    from .plan import Plan
    from .steps import Step

_PLACES = {CONFIG: "definition", LIVE: "guest"}


class Changes(t.NamedTuple):
    """The parts of the line, and the names of the devices that are in them."""

    parts: list[str]
    devices: frozenset[str]


def changes(plan: Plan) -> Changes:
    """What is taken or changed, what is given back, and what else changes of the owner."""
    before: dict[str, Held] = {**plan.before.holdings, **plan.before.node_devices}
    after: dict[str, Held] = {**plan.after.holdings, **plan.after.node_devices}
    steps: dict[str, list[Step]] = {}
    for step in plan.steps:
        steps.setdefault(step.address or "", []).append(step)
    said = {name: _said(steps.get(name, ()), before.get(name), held) for name, held in after.items()}
    back = {name: held for name, held in before.items() if name not in after}
    taken = grouped((after[name], words) for name, words in said.items() if words)
    named = [few(parts, separator=BESIDE) for parts in (taken, _given_back(back, steps)) if parts]
    return Changes([*named, *_of_owner(plan)], frozenset(name for name, words in said.items() if words))


def _said(steps: t.Sequence[Step], before: Held | None, after: Held) -> str:
    """What is done to a device that is held afterwards, empty for nothing."""
    words = [*_driver(steps, stays=True), *_settings(steps), *_attached(steps)]
    if words or (before is not None and before.request == after.request):
        return ", ".join(words)
    return "taken as it is" if before is None else f"until now {short(before.request or 'a group member')}"


def _given_back(back: t.Mapping[str, Held], steps: t.Mapping[str, t.Sequence[Step]]) -> list[str]:
    """What is given back, those together of which the same is said."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, held in back.items():
        of_device = steps.get(name, ())
        words = [*_driver(of_device, stays=False)]
        if not words and getattr(held, "adopted", False):
            words.append(f"left with {held.original.driver}")  # type: ignore[union-attr]
        put_back = [step.place for step in of_device if isinstance(step, ElementStep) and step.attaches]
        words += [f"put back into its {_places(put_back)}"] if put_back else []
        groups.setdefault((ids_of(held), ", ".join(words)), []).append(name_of(held))
    return [f"{devices_told(names, ids)} given back{words and f', {words}'}" for (ids, words), names in groups.items()]


def _driver(steps: t.Iterable[Step], *, stays: bool) -> t.Iterator[str]:
    moves = of_kind(steps, DriverStep)
    if not moves:
        return
    first, last = moves[0].before.driver, moves[-1].after.driver
    if first == last:
        yield f"{'kept on' if stays else 'left with'} {last or 'no driver'}"
    else:
        chosen = "the kernel's choice" if moves[-1].by_kernel and last is None else "no driver"
        yield f"{first or 'no driver'} to {last or chosen}"


def _settings(steps: t.Iterable[Step]) -> t.Iterator[str]:
    for step in of_kind(steps, VfSettingsStep):
        yield from (f"{name} {'on' if value else 'off'}" for name, value in step.after.items())


def _attached(steps: t.Iterable[Step]) -> t.Iterator[str]:
    elements = [step for step in steps if isinstance(step, ElementStep)]
    gone = {step.place for step in elements if not step.attaches}
    come = {step.place for step in elements if step.attaches}
    for verb, places in (
        ("attached to", come - gone),
        ("attached anew to", come & gone),
        ("detached from", gone - come),
    ):
        if places:
            yield f"{verb} {_places(places)}"


def _places(places: t.Collection[str]) -> str:
    return " and ".join(word for place, word in _PLACES.items() if place in places)


def _of_owner(plan: Plan) -> t.Iterator[str]:
    for step in of_kind(plan.steps, RootPortsStep):
        yield f"root ports in its definition: {len(step.before)} to {len(step.after)}"
    if plan.operation == CLAIM and plan.before.persist != plan.after.persist:
        yield "comes back when the host is started anew" if plan.after.persist else "no longer comes back at boot"
