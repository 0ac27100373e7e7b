# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recording has of the record, and of who uses devices, binds them or makes VFs.

With other names, and without what people wrote.
"""

from __future__ import annotations

import json
import re
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import replace

from ..binders import fighter as binders
from ..sriov.makers import maker as makers
from .guest_xml import device_xml, node_path

if t.TYPE_CHECKING:
    from ..sriov.state import PfState
    from .pseudonyms import Same

# The words of our own in what is told of a use; every other word is a name of the host's.
WORDS = frozenset(
    "a active address all an and another as at back bcache below block boot bound bridge bus by cache carries class "
    "come committed connection console container crash decoders default deleted device devices do driver drives "
    "fabrics file firmware for frame framebuffer from function gadget has heartbeat holds host imported in inactive "
    "interface is it its journal keeps kernel lies lock logical made logs looked loop mapper mappings mediated member "
    "memory mount mounted namespace netconsole network no not of on one only open or over packet packets part path "
    "perhaps platform pool port process program pstore queue registered removes root route running seen sends server "
    "session since socket software somebody spare ssh state store swap swaps system table target than that the their "
    "there this through to type unknown unbound uses volume waiting watchdog watches where which with without writes "
    "ATA BMC CXL DMA DPDK DRBD Ethernet IPMI LIO LVM NFS NVMe OCFS2 PCI RAID RDMA SCSI SCST SPDK USB XDP ZFS btrfs "
    "iSCSI nvmet qemu-system-x86_64 qemu-kvm IPv4 IPv6 md".split()
)
_OF_KERNEL = re.compile(
    r"(?:[hsv]d[a-z]+\d*|nvme\d+(?:c\d+)?(?:n\d+)?(?:p\d+)?|dm-\d+|md\d+|loop\d+|sr\d+|sg\d+|fb\d+|card\d+|renderD\d+"
    r"|ttyS\d+|tty\d*|watchdog\d*|ipmi\d+|\d+|\d[0-9a-f]{3}|[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
)
# What is left of addresses once they are renamed: those that stand for any, or the host itself.
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*(?::[0-9a-f]*){2,7})(?:/\d{1,3})?")
_WORD = re.compile(r"[^\s,;()]+")
_NOTE = "left out of the recording"
_OWN_NAMES = {"physical_network": "network", "devname": "net"}
_SCRIPTS = (binders.UDEV_RULE, binders.SCRIPT, binders.HOOK, binders.INITRAMFS, makers.SCRIPT)
"""What has lines of programs, in which anything may stand, such as a password."""


def use(told: t.Mapping[str, t.Any], names: Same) -> dict[str, t.Any]:
    """A use by the host, of its fields."""
    detail = told["detail"]
    if names.anonymous:
        detail = _WORD.sub(lambda match: _word(match[0], names), detail)
    return {**told, "detail": detail, "path": names.text(told["path"])}


def _word(word: str, names: Same) -> str:
    bare = word.strip(".'\"").rstrip(":") or word
    if bare in WORDS or _OF_KERNEL.fullmatch(bare) or bare == "/":
        return word
    if bare.startswith("/dev/"):
        return word.replace(bare, node_path(bare, names))
    swept = names.text(bare)
    return word.replace(bare, swept if swept != bare or _ADDRESS.fullmatch(bare) else names.word(bare))


def part_use(told: t.Mapping[str, t.Any], names: Same) -> dict[str, t.Any]:
    """A use of a part by a domain, of its fields."""
    node = told["node"]
    node = node_path(node, names) if node.startswith("/") else names.interface(node)
    return {**told, "domain": names.name("domain", told["domain"]), "uuid": names.text(told["uuid"]), "node": node}


def binder(told: binders.Fighter, names: Same) -> binders.Fighter:
    """Who else binds a device: where that is written is any file's name."""
    told = replace(told, detail=_line(told.kind, told.detail, names))
    return replace(told, path=_path(told.path, names), remedy=_NOTE) if names.anonymous else told


def vf_maker(told: makers.VfMaker, names: Same) -> makers.VfMaker:
    """Who else makes VFs, likewise."""
    return replace(told, path=_path(told.path, names), text=_line(told.kind, told.text, names))


def _path(path: str, names: Same) -> str:
    return "/" + names.name("file", path) if names.anonymous else path


def _line(kind: str, line: str, names: Same) -> str:
    return _NOTE if names.anonymous or kind in _SCRIPTS else line


def pf_state(told: PfState, names: Same) -> PfState:
    """What a PF and its VFs are like: of the settings the addresses are the host's own."""
    vfs = {
        vf: {**its, **({"mac": names.serial(str(its["mac"]))} if "mac" in its else {})} for vf, its in told.vfs.items()
    }
    return replace(told, vfs=vfs)


def record(text: str, names: Same, machines: t.Mapping[str, str]) -> str:
    """The record's text; one that can't be read stays out but for what it begins with, so that it can't be read.

    `machines` are other ids of machines (as host_facts.machine_id makes them) for those that are known.
    """
    try:
        document = json.loads(text)
    except ValueError:
        return "{"
    told = _value(document, "", names)
    if isinstance(told, dict) and isinstance(told.get("machine_id"), str):
        own = told["machine_id"]
        told["machine_id"] = machines.get(own) or names.serial(own)
    return json.dumps(told, sort_keys=True)


def serials_of_record(text: str) -> list[str]:
    """The serial numbers that the record knows its devices by."""
    try:
        return list(_serials(json.loads(text), ""))
    except ValueError:
        return []


def _serials(value: object, key: str) -> t.Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _serials(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _serials(part, key)
    elif isinstance(value, str) and _is_serial(key) and value:
        yield value


def _is_serial(key: str) -> bool:
    return key.endswith("serial") or key in ("wwid", "wwn")


def _value(value: t.Any, key: str, names: Same) -> t.Any:
    if isinstance(value, dict):
        if value.keys() == {"kind", "id", "label"}:
            return _owner(value, names)
        if key == "labels":
            return {names.name("label", name): names.name("label", str(part)) for name, part in value.items()}
        return {_value(name, "", names): _value(part, name, names) for name, part in value.items()}
    if isinstance(value, list):
        if names.anonymous and key == "commands":
            return []
        return [_value(part, key, names) for part in value]
    return _text(value, key, names) if isinstance(value, str) else value


def _text(value: str, key: str, names: Same) -> str:
    if value.lstrip().startswith("<"):
        try:
            return device_xml(value, names)
        except ET.ParseError:
            return ""
    if _is_serial(key) and value:
        return names.serial(value)
    if not names.anonymous:
        return value
    if key == "reason":
        return _NOTE
    if key == "file":
        return "/" + names.name("file", value)
    if key in ("domain", "label"):
        return names.name("domain", value)
    if key in _OWN_NAMES:
        return names.interface(value) if key == "devname" else names.name(_OWN_NAMES[key], value)
    return names.text(value)


def _owner(owner: t.Mapping[str, t.Any], names: Same) -> dict[str, t.Any]:
    kind = str(owner["kind"])
    if kind == "domain":
        return {"kind": kind, "id": names.text(owner["id"]), "label": names.name("domain", owner["label"])}
    label = names.name("owner", owner["label"])
    return {
        "kind": kind,
        "id": label if owner["id"] == owner["label"] else names.name("owner", owner["id"]),
        "label": label,
    }
