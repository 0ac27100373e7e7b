# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PF and its VFs are like: what shall be, what is, and what was before we came."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field, replace

from .. import forms
from .settings import FORM as SETTINGS_FORM

if t.TYPE_CHECKING:
    from .settings import Settings

_VF_NUMBER = re.compile("0|[1-9][0-9]{0,5}")
ESWITCH_MODES = ("legacy", "switchdev")


def _vfs_form(value: object, path: str) -> None:
    forms.each(SETTINGS_FORM)(value, path)
    for key in t.cast("dict[str, t.Any]", value):
        if not _VF_NUMBER.fullmatch(key):
            raise forms.wrong(forms.below(path, key), key, "the number of a VF as its key")


@dataclass(frozen=True)
class PfState:
    """The number of VFs, what is set for each by its number, and what of the PF itself belongs to that.

    What is None is unknown or left as it is: `up` and `mtu` of a PF without an interface, `autoprobe` before kernel
    4.12, `eswitch` where nobody asked for it.
    """

    number: int
    autoprobe: bool | None = None
    up: bool | None = None
    mtu: int | None = None
    eswitch: str | None = None
    vfs: t.Mapping[int, Settings] = field(default_factory=dict)

    FORM: t.ClassVar[forms.Check] = forms.mapping(
        {"number": forms.number(0)},
        {
            "autoprobe": forms.flag,
            "up": forms.flag,
            "mtu": forms.number(0),
            "eswitch": forms.text,
            "vfs": _vfs_form,
        },
    )

    def without_mtu(self, vfs: t.Container[int]) -> PfState:
        """The same, but for the MTU of these VFs."""
        kept = {
            vf: {name: value for name, value in settings.items() if name != "mtu"} if vf in vfs else settings
            for vf, settings in self.vfs.items()
        }
        return replace(self, vfs={vf: settings for vf, settings in kept.items() if settings})

    def as_dict(self) -> dict[str, t.Any]:
        """Without what is unknown or empty."""
        parts = {name: getattr(self, name) for name in ("autoprobe", "up", "mtu", "eswitch")}
        vfs = {str(index): dict(settings) for index, settings in sorted(self.vfs.items()) if settings}
        known = {name: value for name, value in parts.items() if value is not None}
        return {"number": self.number, **known, **({"vfs": vfs} if vfs else {})}

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> PfState:
        vfs = {int(index): dict(settings) for index, settings in data.get("vfs", {}).items()}
        return cls(data["number"], data.get("autoprobe"), data.get("up"), data.get("mtu"), data.get("eswitch"), vfs)
