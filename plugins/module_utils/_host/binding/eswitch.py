# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mode of a PF's e-switch, by devlink."""

from __future__ import annotations

import contextlib
import json
import typing as t

from ..._model.errors import HostdevError

if t.TYPE_CHECKING:
    from .iproute import Answer, Run


class Eswitch:
    """The e-switches of a host's PFs; `devlink` runs that program."""

    def __init__(self, devlink: Run) -> None:
        self._devlink = devlink

    def mode(self, pf: str) -> str | None:
        """`legacy`, `switchdev` or a newer word; None of a PF that has none (igb, NVMe), and without devlink."""
        answer = self._ask(["-j", "dev", "eswitch", "show", f"pci/{pf}"], pf)
        if answer is None or answer.code:
            return None
        with contextlib.suppress(ValueError, TypeError, AttributeError, LookupError):
            mode = json.loads(answer.output)["dev"][f"pci/{pf}"]["mode"]
            return mode if isinstance(mode, str) else None
        return None

    def set_mode(self, pf: str, mode: str) -> None:
        """Raises HostdevError with what the driver says."""
        answer = self._ask(["dev", "eswitch", "set", f"pci/{pf}", "mode", mode], pf)
        if answer is None or answer.code:
            raise HostdevError(
                "vfs_failed",
                subject=pf,
                found=f"the kernel refused e-switch mode {mode}: {answer.complaint if answer else 'no devlink'}",
                wanted=f"e-switch mode {mode}",
                remedy="take the PF out of offloaded bridges, and traps, IPsec and flow rules off it",
            )

    def _ask(self, words: t.Sequence[str], pf: str) -> Answer | None:
        try:
            return self._devlink(words)
        except TimeoutError as error:
            raise HostdevError(
                "vfs_failed",
                subject=pf,
                found=str(error),
                wanted="the mode of its e-switch",
                remedy="see dmesg for what hangs",
            ) from error
        except OSError:
            return None
