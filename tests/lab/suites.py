# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases that a lab host can be of: where each comes from, and what its kernel is called there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import cache, emulator

#: Ubuntu's keys as Debian signs them, so that one machine's trust in Debian is enough.
_UBUNTU_KEYS = "ubuntu-archive-keyring"


@dataclass(frozen=True)
class Suite:
    """A release of DISTRIBUTION: its kernel, what a module for it is built with; options of apt, components of it."""

    distribution: str = "Debian"
    kernel: str = "linux-image-amd64"
    headers: tuple[str, ...] = ("linux-headers-amd64", "make")
    apt: tuple[str, ...] = ()
    components: str = "main"

    def options(self) -> Iterator[str]:
        """Yield what mmdebstrap must be told for it; it knows where the releases of both lie."""
        yield f"--components={self.components}"
        yield from (f"--aptopt={option}" for option in self.apt)
        if self.distribution == "Ubuntu":
            yield f"--keyring={_ubuntu_keys()}"


SUITES = {
    "trixie": Suite(),
    "bookworm": Suite(),
    # Another one every day, to look at and no gate: so a mirror may be behind.
    "sid": Suite(apt=('Acquire::Check-Valid-Until "false"',)),
    "noble": Suite(
        "Ubuntu",
        "linux-image-virtual",  # the usual one without the firmware of all hardware
        # apt is what removes them, and no part of the smallest system there.
        ("linux-headers-virtual", "make", "gcc", "apt"),
        # Its own user could not read the keys in the cache.
        ('APT::Sandbox::User "root"',),
        "main,universe",
    ),
}
#: The one that `./run test` boots, and whose hosts can boot by themselves.
USUAL = "trixie"


def _ubuntu_keys() -> Path:
    folder = cache.entry("ubuntu-keys", {"version": 1, "suite": emulator.SUITE}, _get_ubuntu_keys)
    return folder / "root/usr/share/keyrings/ubuntu-archive-keyring.gpg"


def _get_ubuntu_keys(folder: Path) -> None:
    emulator.unpack(folder, (_UBUNTU_KEYS,))
