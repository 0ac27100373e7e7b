# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases that a lab host can be of: where each comes from, and what its kernel is called there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import cache, emulator

_UBUNTU = "http://ubuntu.example.org/ubuntu"
#: Ubuntu's keys as Debian signs them, so that one machine's trust in Debian is enough.
_UBUNTU_KEYS = "ubuntu-archive-keyring"


@dataclass(frozen=True)
class Suite:
    """A release of DISTRIBUTION: its kernel, what a module for it is built with, and lines for apt beside Debian's."""

    distribution: str = "Debian"
    kernel: str = "linux-image-amd64"
    headers: tuple[str, ...] = ("linux-headers-amd64", "make")
    sources: tuple[str, ...] = ()

    def options(self) -> tuple[str, ...]:
        """Return what mmdebstrap must be told for it, apart from the sources."""
        # apt's own user could not read what lies in the cache.
        return (f"--keyring={_ubuntu_keys()}", '--aptopt=APT::Sandbox::User "root"') if self.sources else ()


SUITES = {
    "trixie": Suite(),
    "bookworm": Suite(),
    # Another one every day: to look at, and no gate.
    "sid": Suite(),
    "noble": Suite(
        "Ubuntu",
        "linux-image-generic",
        ("linux-headers-generic", "make", "gcc"),
        tuple(f"deb {_UBUNTU} {pocket} main universe" for pocket in ("noble", "noble-updates", "noble-security")),
    ),
}
#: The one that `./run test` boots, and whose hosts can boot by themselves.
USUAL = "trixie"


def _ubuntu_keys() -> Path:
    folder = cache.entry("ubuntu-keys", {"version": 1, "suite": emulator.SUITE}, _get_ubuntu_keys)
    return folder / "root/usr/share/keyrings/ubuntu-archive-keyring.gpg"


def _get_ubuntu_keys(folder: Path) -> None:
    emulator.unpack(folder, (_UBUNTU_KEYS,))
