# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: the record's content, as bytes and as JSON of another shape."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.journal import Journal
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import DriverStep, HostdevStep
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, VFIO, WEB, claim, holding

from .source import Source
from .target import Target

_A, _B = "0000:01:00.0", "0000:02:00.0"
_HELD = claim(WEB, holding(_A), holding("0000:01:00.1", None))
_JOURNAL = Journal(
    Plan(
        "claim",
        (
            DriverStep(_A, Binding("igb", None), VFIO),
            HostdevStep(_A, "web1", UUID, "live", None, hostdev_xml(_A, managed=True)),
        ),
        _HELD,
        _HELD,
    ),
    "boot-1",
    1,
)
_WHOLE = Record(Tracker([_HELD, claim(DPDK, holding(_B, attach=()))]), _JOURNAL, "boot-1", [{"count": 4}])
parse_record(_WHOLE.as_bytes())  # else every input of the shape is refused for that alone
_KEYS = (
    *("schema", "boot_id", "claims", "journal", "needs_cleaning", "pools", "owner", "kind", "id", "label", "requests"),
    *("devices", "address", "identity", "original", "driver", "driver_override", "adopted", "attach", "steps", "begun"),
)


def _read(data: bytes) -> None:
    record = parse_record(data)
    text = json.dumps(record.as_dict())
    assert json.loads(text) == json.loads(json.dumps(parse_record(text.encode()).as_dict()))


def _shaped(data: bytes) -> None:
    """The whole record with a few of its values exchanged."""
    source = Source(data)
    document = json.loads(json.dumps(_WHOLE.as_dict()))
    for _turn in range(1 + source.below(3)):
        _exchange(source, document)
    _read(json.dumps(document).encode())


def _exchange(source: Source, holder: Any) -> None:
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = source.pick(keys)
        if isinstance(holder[key], (dict, list)) and source.below(4):
            holder = holder[key]
            continue
        if source.chance(4):
            del holder[key]
        else:
            holder[key] = source.value((_A, _B, "claim", "driver", "hostdev", "config"), _KEYS, 2)
        return


TARGETS = (
    Target(
        "the record, bytes",
        _read,
        (json.dumps(_WHOLE.as_dict()).encode(), json.dumps(Record().as_dict(), indent=1).encode()),
        tuple(f'"{key}":' for key in _KEYS),
        share=6,
    ),
    Target("the record, shape", _shaped, share=5),
)
