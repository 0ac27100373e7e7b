# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs that share the scenarios, each on a lab host of its own: what one has begun the other leaves out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest


class Sharing:
    """Takes scenarios by files in a folder that both runs know. Both go through all of them, so that none is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Leave a scenario to who was first: true says that nothing is left to be done here."""
        try:
            (self._folder / hashlib.sha256(item.nodeid.encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            # What the scenario before it kept for this one is not kept for the next one.
            item.session._setupstate.teardown_exact(nextitem)
            return True
        return None
