# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target: valid records of all kinds of content with one field damaged. The reader finds it, or it was no damage."""

from __future__ import annotations

import copy
import json
from typing import Any

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.forms import DocumentError, below
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.document import read_document
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import parse_record
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

from .source import Source
from .target import Target

Way = tuple[Any, ...]

_FULL = json.loads((DATA / "record-schema-2-full.json").read_bytes())
_REQUEST_OPTIONS = ("numa_policy", "guest_address", "rom", "boot_order", "driver", "managed", "network")
_HOLDING_OPTIONS = ("managed", "one_time_use", "vf_settings", "guest_address")
# Others refer to these, or must be unlike them: what no longer agrees may be found on the other side.
_NAMES = ("name", "address", "request", "kind", "id", "owner", "capability", "usb", "scsi", "before", "after")
_WHOLES = ("devices", "node_devices", "operation", "claims")


def _ways(value: Any, way: Way = ()) -> list[Way]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way_below for key, item in inner for way_below in ((*way, key), *_ways(item, (*way, key)))]


_WORDS = tuple(dict.fromkeys(way[-1] for way in _ways(_FULL) if isinstance(way[-1], str)))


def _valid(source: Source) -> Any:
    """The full record, or one with some of what it need not have left out."""
    record = copy.deepcopy(_FULL)
    claims = [*record["claims"], record["journal"]["claim_before"], record["journal"]["claim_after"]]
    for claim in claims:
        for options, entries in ((_REQUEST_OPTIONS, claim["requests"]), (_HOLDING_OPTIONS, claim["devices"])):
            for entry in entries:
                for key in options:
                    if key in entry and source.chance(3):
                        del entry[key]
        if source.chance(4):
            claim.pop("node_devices", None)
    if source.chance(3):
        del record["journal"]["steps"][2:]
    if source.chance(4):
        record["journal"] = None
    for key in ("claims", "needs_cleaning", "pools"):
        if source.chance(4):
            record[key].pop()
    return record


def _at(record: Any, way: Way) -> Any:
    for part in way:
        record = record[part]
    return record


def _damaged(source: Source, record: Any) -> list[Way]:
    """Damage one field, and return where."""
    ways = _ways(record)
    way = source.pick(ways)
    holder, key = _at(record, way[:-1]), way[-1]
    kind = source.below(6)
    if kind == 0:
        del holder[key]
        return [way if isinstance(key, str) else way[:-1]]
    if kind == 1 and isinstance(key, str):
        other = source.pick(_WORDS) if source.chance(3) else source.text((key,))
        if other in holder:
            return []
        holder[other] = holder.pop(key)
        return [way, (*way[:-1], other)]
    if kind == 2:
        other_way = source.pick(
            [candidate for candidate in ways if candidate[: len(way)] != way and way[: len(candidate)] != candidate]
        )
        other_holder = _at(record, other_way[:-1])
        holder[key], other_holder[other_way[-1]] = other_holder[other_way[-1]], holder[key]
        return [way, other_way]
    if kind == 3:
        # What is there under the same key, or anywhere.
        alike = [candidate for candidate in ways if candidate[-1] == key]
        holder[key] = copy.deepcopy(_at(record, source.pick(ways if source.chance(4) else alike)))
    elif kind == 4 and isinstance(holder[key], str):
        holder[key] = source.text((holder[key],))
    elif kind == 4 and isinstance(holder[key], int):
        holder[key] = source.number()
    else:
        holder[key] = source.value(("no", "yes", "on", "0000:01:1x.0", "live", *_WORDS), _WORDS, 2)
    return [way]


def _path(way: Way) -> str:
    path = ""
    for part in way:
        path = f"{path}[{part}]" if isinstance(part, int) else below(path, part)
    return path


def _leads(subject: str, way: Way) -> bool:
    """Whether an error's path is that of the damage, or is within what the damaged field is a part of."""
    around = _path(way[:-1] if len(way) > 1 else way)
    if subject == around or subject.startswith((f"{around}.", f"{around}[")):
        return True
    part = subject.split(".")[0].split("[")[0]
    referred = not {*_NAMES}.isdisjoint(way) or [word for word in way if isinstance(word, str)][-1] in _WHOLES
    return referred and part in ("claims", "journal", "needs_cleaning", way[0])


def _as_written(record: Any) -> str:
    """The record with the order of what is looked up by names and addresses, and without what says nothing."""
    record = copy.deepcopy(record)
    record["claims"] = [claim for claim in record["claims"] if claim["requests"] or len(claim) > 3 or claim["devices"]]
    claims = [*record["claims"], *((record["journal"] or {}).get(key) for key in ("claim_before", "claim_after"))]
    for claim in filter(None, claims):
        for request in claim["requests"]:
            if "address" in request and request.get("count") == 1:
                del request["count"]
        for key in ("requests", "devices", "node_devices"):
            claim.get(key, []).sort(key=_text)
    record.setdefault("needs_cleaning", []).sort(key=_text)
    return _text(record)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _check(data: bytes) -> None:
    source = Source(data)
    record = _valid(source)
    valid = json.dumps(record).encode()
    assert _as_written(parse_record(valid).as_dict()) == _as_written(record)
    ways = _damaged(source, record)
    damaged = json.dumps(record).encode()
    try:
        read_document(damaged)
    except DocumentError:
        return  # no JSON, which says nothing of fields
    refusal = None
    try:
        parsed_record = parse_record(damaged)
    except HostdevError as error:
        refusal = error
    if refusal is None:
        assert _as_written(parsed_record.as_dict()) == _as_written(record), list(map(_path, ways))
        return
    assert refusal.code == "record_unreadable", refusal.code
    if not refusal.remedy:  # else it is of a newer schema
        assert any(_leads(refusal.subject, way) for way in ways), f"{refusal.subject} for {list(map(_path, ways))}"
    raise refusal


TARGETS = (Target("the record, damaged", _check, share=1),)
