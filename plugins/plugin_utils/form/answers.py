# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers to a form, read from the extra variables of a job, which are all that a form can set."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError, few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import DEVICE_TYPES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

ANY = "any"
"""The answer to which host: whichever serves it."""
QUESTIONS: dict[str, tuple[str, ...]] = {
    "place": ("form_domain", "form_device"),
    "claim": ("form_domain", "form_device"),
    "release": ("form_domain",),
    "verify": ("form_domain",),
}
"""What must be answered for each purpose; all else has a default."""
DEFAULTS = {"form_count": "1", "form_host": ANY, "form_request": "device"}
PLACED = {f"form_placed_{name}": f"form_{name}" for name in ("domain", "device", "count")}
"""For which answers an earlier job has chosen the host `form_placed_host`, each with the answer that it must be."""
PLACED_HOST = "form_placed_host"

_KNOWN = ("form_domain", "form_device", *DEFAULTS, *PLACED, PLACED_HOST)
# Set by AWX itself, after all that anybody answers.
_OF_AWX = ("awx_", "tower_")
_WORD = re.compile(r"[A-Za-z0-9._:@-]{1,253}")
_MOST = 16
_DEVICE = re.compile(
    r"(?P<ids>[0-9a-f]{4}:[0-9a-f]{4})(@(?P<type>TYPES))?(@(?P<name>[A-Za-z0-9._-]+))?".replace(
        "TYPES", "|".join(DEVICE_TYPES)
    )
)
# What somebody may write for a type: type_vf, TYPE-VF, type-FV, vf, VDPA.
_LIKE_A_TYPE = re.compile(r"type([a-z]{1,4}|[-_.].*)?|pci|pf|vf|vdpa", re.IGNORECASE)


def is_model(device: str) -> re.Match[str] | None:
    """A device as a model, with `ids`, `type` and `name`; None of what can only be an alias."""
    return _DEVICE.fullmatch(device)


def is_name(word: str) -> bool:
    """Whether a word behind the ids is a name for people, and no type in other letters, which would be none."""
    return not _LIKE_A_TYPE.fullmatch(word)


@dataclass(frozen=True)
class Answers:
    """What was answered; `device` is as it was chosen, `placed` the host that an earlier job chose for the same."""

    domain: str
    device: str
    count: int
    host: str
    request: str
    placed: str | None

    @property
    def model(self) -> re.Match[str] | None:
        """The chosen device as a model with `ids` and `type`, None where it is an alias."""
        return is_model(self.device)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What a tenant's list may call the device: the alias; or the ids with the type, and the ids alone."""
        model = self.model
        if model is None:
            return (self.device,)
        return (f"{model['ids']}@{model['type']}", model["ids"]) if model["type"] else (model["ids"],)

    def wanted(self) -> dict[str, t.Any]:
        """The one request, as a claim has it."""
        asked: dict[str, t.Any] = {"name": self.request, "count": self.count}
        model = self.model
        if model is None:
            return {**asked, "alias": self.device}
        vendor, product = model["ids"].split(":")
        spec = {"vendor_id": vendor, "product_id": product}
        return {**asked, "specs": [{**spec, "device_type": model["type"]} if model["type"] else spec]}


def read_answers(purpose: str, variables: t.Mapping[str, t.Any]) -> Answers:
    """The answers among the extra variables of a job.

    Raises HostdevError for an answer that is missing or has characters that no choice has, and for any variable that is
    no answer: it would go before what the inventory says.
    """
    _check_names(variables)
    told = {name: _text(name, value) for name, value in variables.items() if name in _KNOWN}
    for name in QUESTIONS[purpose]:
        if name not in told:
            raise wrong(name, "there is no answer", "one", f"answer it in the form, or give -e {name}=...")
    told = {**DEFAULTS, **told}
    _check_type(told.get("form_device", ""))
    fits = all(told.get(placed) == told.get(answer) for placed, answer in PLACED.items())
    return Answers(
        domain=told["form_domain"],
        device=told.get("form_device", ""),
        count=_count(told["form_count"]),
        host=told["form_host"],
        request=told["form_request"],
        placed=told.get(PLACED_HOST) if fits else None,
    )


def _check_names(variables: t.Mapping[str, t.Any]) -> None:
    for name in map(str, variables):
        if name in _KNOWN or name.startswith(_OF_AWX):
            continue
        if name.startswith("form_"):
            raise wrong(name, "found an answer to no question of these forms", remedy=did_you_mean(name, _KNOWN))
        raise wrong(
            f"the extra variable {name}",
            "found what is no answer to a form",
            "nothing but form_* from a survey, a workflow, an earlier job or -e",
            "set it in the inventory, where forms cannot replace it",
        )


def _text(name: str, value: t.Any) -> str:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not _WORD.fullmatch(text):
        shown = repr(value)
        raise wrong(
            name,
            f"found {shown if len(shown) <= 80 else shown[:77] + '...'}",
            "letters, digits and . _ : @ - as every choice has them",
            "choose an answer of the form",
        )
    return str.__str__(text)


def _check_type(device: str) -> None:
    """Taken for a name, a misspelt type would leave out what it restricts: a PF would do for a VF."""
    model = is_model(device)
    if model is None or model["type"] or not model["name"] or is_name(model["name"]):
        return
    raise wrong(
        "form_device",
        f"found {device}, whose {model['name']} is no type",
        f"one of {', '.join(DEVICE_TYPES)} behind the ids, or a name for people",
        did_you_mean(model["name"], DEVICE_TYPES, "leave it out for any type"),
    )


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,2}", text) or not 1 <= int(text) <= _MOST:
        raise wrong("form_count", f"found {text}", f"a number from 1 to {_MOST}")
    return int(text)


def wrong(subject: str, found: str, wanted: str = "", remedy: str = "") -> HostdevError:
    """What can't be done with a form, or may not."""
    return HostdevError("wrong_form", subject=subject, found=found, wanted=wanted, remedy=remedy)


def stale(subject: str, value: str, what: str, there: t.Iterable[str], remedy: str) -> HostdevError:
    """A choice that is none any more, or never was; `there` is what there is."""
    return wrong(subject, f"found {value}, {what}", few(sorted(there), none="nothing that is known"), remedy)
