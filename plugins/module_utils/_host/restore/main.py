# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that brings devices back when the host is started anew."""

from __future__ import annotations

import typing as t


def main(arguments: t.Sequence[str]) -> int:
    """Do what the first argument says, and return the exit status."""
    from ..change.flow import Flow
    from ..record.record_file import RecordFile

    print(Flow.__name__, RecordFile.__name__, *arguments)
    return 0
