# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab tells the person in front of it: one line per step on standard error, with the seconds it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator


class LabError(Exception):
    """The lab cannot do what was asked; the message says what to do about it."""


def line(text: str) -> None:
    """Write one line of progress."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Say that TEXT begins, and how long it took; a step that fails says so too, the exception tells why."""
    line(f"{text} ...")
    began = time.monotonic()
    outcome = "FAILED"
    try:
        yield
        outcome = "done"
    finally:
        line(f"{text}: {outcome} in {time.monotonic() - began:.1f} s")
