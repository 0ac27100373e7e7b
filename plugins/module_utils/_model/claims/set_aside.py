# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that could not be settled: on record with reason and commands, given to nobody until they are mended."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .. import forms
from ..requests.request import Request
from .claim import Claim, Holding, Owner


def _form(value: object, path: str) -> None:
    """All fields; the device is as a claim has it, but serves no request any more."""
    _FIELDS(value, path)
    device = t.cast("dict[str, t.Any]", value)["device"]
    if device["request"] is not None:
        raise forms.wrong(f"{path}.device.request", device["request"], "null: the device serves no request")


_FIELDS = forms.mapping(
    {
        "owner": Owner.FORM,
        "device": Holding.FORM,
        "code": forms.name,
        "reason": forms.text,
        "since": forms.text,
        "commands": forms.listed(forms.text),
    }
)


@dataclass(frozen=True)
class SetAside:
    """One device that an earlier run could neither finish nor undo: `owner` had it, or was to get it.

    `held` has its identity and the driver that it had. `code` and `reason` are those of the error, `since` is a time
    in ISO 8601, `commands` do by hand what is left to be done.
    """

    held: Holding
    owner: Owner
    code: str
    reason: str
    since: str
    commands: tuple[str, ...] = ()

    FORM: t.ClassVar[forms.Check] = _form

    @property
    def address(self) -> str:
        return self.held.address

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "owner": self.owner.as_dict(),
            "device": self.held.as_dict(),
            "code": self.code,
            "reason": self.reason,
            "since": self.since,
            "commands": list(self.commands),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> SetAside:
        return cls(
            Holding.from_dict(data["device"]),
            Owner.from_dict(data["owner"]),
            data["code"],
            data["reason"],
            data["since"],
            tuple(data["commands"]),
        )

    def told(self) -> str:
        """Why it is set aside, since when, and what to do by hand."""
        once = "once nothing uses it, " if self.code == "device_in_use" else ""
        by_hand = f"; {once}by hand: {' && '.join(self.commands)}" if self.commands else ""
        return f"set aside since {self.since}: {self.reason}{by_hand}"

    def joined(self, claim: Claim) -> Claim:
        """The owner's claim as if it held the device for a request of its own, to be given back by a release."""
        name = f"set aside: {self.address}"
        # Not as adopted, which would stay where it is now.
        held = replace(self.held, request=name, attach=("config", "live"), adopted=False)
        return replace(
            claim,
            requests={**claim.requests, name: Request(name, address=self.address)},
            holdings={**claim.holdings, self.address: held},
        )
