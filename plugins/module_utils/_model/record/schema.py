# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole record, the plan in its journal included, as what changes a host reads it."""

from __future__ import annotations

import typing as t

from ..plan.plan import Journal
from .reading import MIGRATIONS, Migration, read_record
from .record import SCHEMA, Record

__all__ = ["MIGRATIONS", "SCHEMA", "Migration", "Record", "parse_record"]


def parse_record(data: bytes, migrations: t.Mapping[int, Migration] | None = None) -> Record:
    """The record in a file's content, brought to this schema first where it is of an older one.

    Raises HostdevError with code record_unreadable, whatever the content is. Its subject is the path inside the
    document, `record` for all of it.
    """
    return read_record(data, Journal, MIGRATIONS if migrations is None else migrations)
