# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of units, udev rules and scripts that make VFs, found by the words that such lines have."""

from __future__ import annotations

import re
import typing as t

from .maker import SCRIPT, VfMaker

if t.TYPE_CHECKING:
    from .maker import Match, PfNames, Source

_WORDS = re.compile(
    r"sriov[_-]num[_-]?vfs|max_vfs|SR-IOV|virtual-function|total-vfs|sriov-manage|SRIOV_TOTAL_VFS|sriov-only"
)
# A udev rule that only asks for the number makes none.
_ASKED = re.compile(r"sriov_numvfs\}?\s*[=!]=")
_GIVEN = re.compile(r"sriov_numvfs\}?\s*=(?!=)")
_COUNTS = (
    re.compile(r"""echo\s+(?:-\w+\s+)*["']?(\d+)\b"""),
    re.compile(r"""sriov_numvfs\}?["']?\s*:?=\s*["']?(\d+)\b"""),
    re.compile(r"(?:max_vfs|num_vfs|SRIOV_TOTAL_VFS|sriov-num-vfs)=[\"']?(\d+)\b"),
    re.compile(r"total-vfs[= ]+(\d+)\b"),
    re.compile(r"sriov_numvfs\s+(?:\S+\s+){4}(\d+)\s*$"),  # tmpfiles.d(5)
)
# Names of units that make VFs, whatever they say: of stackhpc.linux, OpenNebula and NVIDIA.
_UNIT = re.compile(
    r"(?:virtual-functions-(?P<interface>.+)|sriov-enable@(?P<pf>.*?)-(?P<count>\d+)(?:-switchdev)?|nvidia-sriov-.*)"
    r"\.(?:service|timer)"
)
_ADDRESS = re.compile(r"\b[0-9a-fA-F]{4}[:_][0-9a-fA-F]{2}[:_][0-9a-fA-F]{2}\.[0-7]\b")
_INTERFACE = re.compile(r"""(?:class/net/|KERNEL=="|NAME=="|\bdev\s+)([\w.@-]+)(?=[/"\s])""")
# What is called from a unit, and is nobody's package.
_SCRIPT = re.compile(r"/(?:usr/local|opt|etc|root)/[\w./@+-]+")


def script_makers(source: Source, pf: PfNames) -> list[VfMaker]:
    """Lines with one of the words, but for comments and for what names another PF."""
    stanza = ""
    makers = []
    for line, content in lines(source.text):
        if content.startswith("iface "):
            stanza = content.split()[1]
        told = re.sub(r"\$\{?IFACE\b\}?", stanza, content) if stanza else content
        if not _WORDS.search(told) or (_ASKED.search(told) and not _GIVEN.search(told)):
            continue
        match = _concerns(told, pf)
        if match is not False:
            makers.append(VfMaker(SCRIPT, source.path, line, content, match is True, count_in(told)))
    return makers


def unit_maker(path: str, pf: PfNames) -> VfMaker | None:
    """A unit whose name says that it makes VFs; of a template only what is enabled says of which PF."""
    name = path.rpartition("/")[2]
    found = _UNIT.fullmatch(name)
    if found is None:
        return None
    named = found["interface"] or found["pf"]
    match = None if named is None else _is_of(named, pf)
    if match is False:
        return None
    count = None if found["count"] is None else int(found["count"])
    return VfMaker(SCRIPT, path, 0, name, match is True, count)


def instance_of(template: Source) -> Source:
    """What a template of units says for the instance that its path names (systemd.unit(5), specifiers)."""
    instance = template.path.rpartition("/")[2].partition("@")[2].rpartition(".")[0]
    return template._replace(text=re.sub("%[iIj]", lambda _specifier: _unescaped(instance), template.text))


def _unescaped(name: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda escape: chr(int(escape.group(1), 16)), name)


def scripts_named(text: str) -> list[str]:
    """The paths of programs that nobody's package has, in a unit or a rule without its comments."""
    return list(dict.fromkeys(path for _line, content in lines(text) for path in _SCRIPT.findall(content)))


def count_in(line: str) -> int | None:
    """The number of VFs that a line makes, as far as it says it in a number."""
    found = next((found for pattern in _COUNTS if (found := pattern.search(line))), None)
    return None if found is None else int(found.group(1))


def lines(text: str) -> t.Iterator[tuple[int, str]]:
    """Lines with their numbers, without comments and empty ones."""
    for line, raw in enumerate(text.split("\n"), 1):
        content = raw.strip()
        if content and not content.startswith(("#", ";")):
            yield line, content


def _concerns(line: str, pf: PfNames) -> Match:
    if pf.named_in(line):
        return True
    if _ADDRESS.search(line) or pf.others.intersection(_INTERFACE.findall(line)):
        return False
    return None


def _is_of(named: str, pf: PfNames) -> Match:
    named = _unescaped(named)
    if pf.named_in(named):
        return True
    return False if _ADDRESS.search(named) or named in pf.others else None
