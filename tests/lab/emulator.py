# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU, the same one on every machine: unpacked from Debian 13 and run through that root's own dynamic loader.

Debian 12's QEMU 7.2 has no igb and Ubuntu's is another version again. Packages that are only unpacked, never
configured, need no chroot and no privileges to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import cache
from .say import LabError

SUITE = "trixie"
PACKAGES = (
    *("qemu-system-x86", "qemu-utils"),
    # libarchive13t64 is what mke2fs reads a tar file with, so that no image needs a loop device, a mount or root.
    *("e2fsprogs", "libarchive13t64"),
    # The firmware, and the disks, of hosts that boot by themselves.
    *("ovmf", "fdisk", "dosfstools", "mtools"),
)
#: Folders that the emulator never reads.
LEFT_OUT = ("./dev", "./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/icons")

_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_FIRMWARE = ("usr/share/qemu", "usr/share/seabios")


class Emulator:
    """The tools in an unpacked root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs PROGRAM, a path below the root, with the root's loader and libraries."""
        loader = self.root / "usr/lib64/ld-linux-x86-64.so.2"
        return [str(loader), "--library-path", str(self.root / _LIBRARIES), str(self.root / program), *arguments]

    def qemu(self, *arguments: str) -> list[str]:
        """Return the command line of the emulator, with its firmware folders."""
        firmware = [word for folder in _FIRMWARE for word in ("-L", str(self.root / folder))]
        return self.command("usr/bin/qemu-system-x86_64", *firmware, *arguments)

    def environment(self) -> dict[str, str]:
        """Return the environment the tools run in: QEMU's modules come from the root, too."""
        return {**os.environ, "QEMU_MODULE_DIR": str(self.root / _LIBRARIES / "qemu")}


def ensure() -> Emulator:
    """Return the emulator, unpacked into the cache if it is not there yet."""
    recipe = {"version": 1, "suite": SUITE, "packages": PACKAGES, "left out": LEFT_OUT}
    return Emulator(cache.entry("emulator", recipe, _build) / "root")


def _build(folder: Path) -> None:
    unpack(folder, PACKAGES)


def unpack(folder: Path, packages: Sequence[str]) -> None:
    """Unpack PACKAGES of Debian, and all that they need, into the folder `root` of FOLDER."""
    archive = folder / "root.tar"
    mmdebstrap("--variant=extract", f"--include={','.join(packages)}", SUITE, str(archive), log=folder / "build.log")
    root = folder / "root"
    root.mkdir()
    excludes = [f"--exclude={path}" for path in LEFT_OUT]
    subprocess.run(["tar", "-C", root, "--no-same-owner", *excludes, "-xf", archive], check=True)
    archive.unlink()


def mmdebstrap(*arguments: str, log: Path) -> None:
    """Run mmdebstrap with its output in LOG; mirror and proxy are those the machine's apt is set up with."""
    program = shutil.which("mmdebstrap")
    if program is None:
        raise LabError("mmdebstrap is missing: apt-get install mmdebstrap (and debian-archive-keyring on Ubuntu)")
    with log.open("wb") as stream:
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False
        )
    if done.returncode:
        raise LabError(f"mmdebstrap failed ({done.returncode}):\n{tail(log)}")


def tail(path: Path, lines: int = 40) -> str:
    """Return the last LINES of a log, for a message."""
    text = path.read_text(errors="replace") if path.exists() else "(no output)"
    return "\n".join(text.splitlines()[-lines:])


def run(command: Sequence[str], emulator: Emulator) -> str:
    """Run one of the emulator's tools to its end and return what it printed."""
    done = subprocess.run(command, env=emulator.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
