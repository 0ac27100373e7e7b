# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The step of what a PF has set for one of its VFs."""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from ... import forms
from ...requests.guest_options import SETTINGS_FORM
from .host_now import function_missing
from .step import Step

if t.TYPE_CHECKING:
    from .host_now import HostNow

_IP_LINK_WORDS = {"trust": "trust", "spoof_check": "spoofchk"}


def _form(value: object, path: str) -> None:
    """All fields, and that the PF is another function."""
    _FIELDS(value, path)
    step = t.cast("dict[str, t.Any]", value)
    if step["pf"] == step["address"]:
        raise forms.wrong(f"{path}.pf", step["pf"], "the physical function, which is another one than the VF")


_FIELDS = forms.mapping(
    {
        "kind": forms.one_of("vf_settings"),
        "address": forms.address,
        "pf": forms.address,
        "index": forms.number(0),
        "before": SETTINGS_FORM,
        "after": SETTINGS_FORM,
    }
)


@dataclass(frozen=True)
class VfSettingsStep(Step):
    """Settings that a PF has of one of its VFs change: `trust` and `spoof_check`, those of them that are named.

    `index` is the VF's number at its PF. What the driver did not tell is not in `before`, and so is not put back.
    """

    address: str
    pf: str
    index: int
    before: t.Mapping[str, bool]
    after: t.Mapping[str, bool]

    kind: t.ClassVar[str] = "vf_settings"
    section: t.ClassVar[str | None] = "VF settings"
    needs_device = True
    # The PF has forgotten them, and the host may use the VF again: it must not find it trusted, say.
    takes_after_reboot = True
    domain = uuid = place = None

    FORM: t.ClassVar[forms.Check] = _form

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "kind": self.kind,
            "address": self.address,
            "pf": self.pf,
            "index": self.index,
            "before": dict(self.before),
            "after": dict(self.after),
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> VfSettingsStep:
        return cls(data["address"], data["pf"], data["index"], dict(data["before"]), dict(data["after"]))

    def command(self) -> str:
        settings = " ".join(f"{_IP_LINK_WORDS[name]} {_on_off(value)}" for name, value in self.after.items())
        folder = shlex.quote(f"/sys/bus/pci/devices/{self.pf}/net")
        return f'ip link set "$(ls {folder} | head -n 1)" vf {shlex.quote(str(self.index))} {settings}'

    def lines(self) -> tuple[str, str]:
        return self._line(self.before), self._line(self.after)

    def _line(self, settings: t.Mapping[str, bool]) -> str:
        return " ".join([self.address, *(f"{name}={_on_off(value)}" for name, value in settings.items())])

    def missing(self, now: HostNow) -> str | None:
        return function_missing(now, self.address)

    def __str__(self) -> str:
        return f"settings of {self.address}: {_words(self.before)} -> {_words(self.after)}"


def _words(settings: t.Mapping[str, bool]) -> str:
    return ", ".join(f"{name} {_on_off(value)}" for name, value in settings.items()) or "unknown"


def _on_off(value: bool) -> str:
    return "on" if value else "off"
