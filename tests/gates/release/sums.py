# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sums of what is published, as `sha256sum --check` reads them."""

from __future__ import annotations

import hashlib
import typing as t
from pathlib import Path

from tests.gates.release.repack import sha256_inside


def text(files: t.Sequence[Path]) -> str:
    """A line for each file, and for each tarball a comment with the sum of the tar inside.

    Another zlib may pack the same tar into other bytes: who builds the release again compares what is inside.
    """
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    packed = (file for file in files if file.name.endswith(".tar.gz"))
    lines += [f"# gunzip --stdout {file.name} | sha256sum: {sha256_inside(file)}" for file in packed]
    return "\n".join([*lines, ""])
