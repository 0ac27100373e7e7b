# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to libvirt that outlives a restart of libvirtd or virtqemud."""

from __future__ import annotations

import time
import typing as t

from ..._model.errors import HostdevError
from . import errors

_T = t.TypeVar("_T")

# What a call gets whose socket was closed under it; each can also mean something else, so the connection is asked too.
_MAYBE_LOST = frozenset(
    {errors.INTERNAL_ERROR, errors.NO_CONNECT, errors.INVALID_CONN, errors.SYSTEM_ERROR, errors.RPC}
)
# A daemon that is stopped right after each start is no daemon to work with.
_RECONNECTS = 3
_PAUSE_SECONDS = 0.5


class LibvirtConnection:
    """Calls libvirt, and calls again on a new connection when the old one was lost meanwhile.

    `reopen` makes a new connection or raises `error`; without it a lost connection stays lost. `seconds` is how long
    a libvirt that is not there is waited for; once that was in vain, each later call tries only once.
    """

    def __init__(
        self,
        connection: t.Any,
        error: type[Exception],
        reopen: t.Callable[[], t.Any] | None = None,
        *,
        seconds: float = 30.0,
    ) -> None:
        self._connection = connection
        self._error = error
        self._reopen = reopen
        self._seconds = seconds

    def call(self, work: t.Callable[[t.Any], _T]) -> _T:
        """Give the work the connection; it must be such that it can be done again from any point.

        Raises what the work raises, and HostdevError with code no_libvirt when libvirt is gone and stays so.
        """
        for _attempt in range(_RECONNECTS):
            try:
                return work(self._connection)
            except self._error as error:
                if self._reopen is None or not self._is_lost(error):
                    raise
                self._reconnect(self._reopen, error)
        return work(self._connection)

    def _is_lost(self, error: Exception) -> bool:
        if errors.number(error) not in _MAYBE_LOST:
            return False
        try:
            return not self._connection.isAlive()
        except self._error:
            return True

    def _reconnect(self, reopen: t.Callable[[], t.Any], lost: Exception) -> None:
        end = time.monotonic() + self._seconds
        while True:
            try:
                self._connection = reopen()
                return
            except self._error as error:
                if time.monotonic() >= end:
                    waited, self._seconds = self._seconds, 0.0
                    raise HostdevError(
                        "no_libvirt",
                        subject="libvirt",
                        found=f"the connection was lost ({lost}), and no new one could be made"
                        + (f" within {waited:g} s" if waited else "")
                        + f" ({error})",
                        wanted="libvirtd or virtqemud running on the host",
                        remedy="start it and see its journal for why it stopped, then run the task again",
                    ) from error
            time.sleep(_PAUSE_SECONDS)
