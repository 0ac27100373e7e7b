# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's arguments: which are to be written as they stand, what a line of them says, what contradicts what."""

from __future__ import annotations

import re
import typing as t

from ..errors import HostdevError
from .huge_pages import pages_against, pages_in_force

# What boot loaders' files take without quotes. Values go raw into a script of GRUB, and through a shell on the way.
_PLAIN = re.compile(r"[A-Za-z0-9_.,:=/@+-]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,/@+-]*")
_BLANKS = re.compile(rb"[ \t\r\n\0]+")

_SURELY_OFF = frozenset({"off", "false"})
_OFF = _SURELY_OFF | {"0", "n", "no"}
_ON = frozenset({"on", "1", "y", "yes", "true"})
_OPPOSITES = frozenset({("pt", "nopt")})  # iommu=, Documentation/admin-guide/kernel-parameters.txt
# iommu=off keeps the drivers of AMD's and Intel's units from starting too (iommu_setup() in arch/x86/kernel/pci-dma.c).
_ABOVE = {"intel_iommu": ("iommu",), "amd_iommu": ("iommu",)}


def check_arguments(words: t.Sequence[str]) -> tuple[str, ...]:
    """The arguments, each once, in their order. Raises HostdevError with code invalid_argument.

    A number of huge pages goes with the size before it, and the two are one argument with a blank in it: only together,
    one right behind the other, do they say what they say.
    """
    arguments: list[str] = []
    for index, word in enumerate(words):
        if not _PLAIN.fullmatch(word) or not _NAME.fullmatch(word.partition("=")[0]):
            raise HostdevError(
                "invalid_argument",
                subject=f"arguments[{index}]",
                found=f"found {word!r}",
                wanted="one argument of the kernel, of letters, digits and _.,:=/@+- alone, such as intel_iommu=on",
                remedy="give each argument as an entry of its own, without blanks and quotes",
            )
        for other in arguments:
            if contradicts(word, other) or contradicts(other, word):
                raise _contradiction(index, word, other)
        if word.startswith("hugepages=") and index and words[index - 1].startswith("hugepagesz="):
            word = f"{arguments.pop()} {word}"
        against = pages_against(word, " ".join(arguments).split(" "))
        if against:
            raise _contradiction(index, word, against[0])
        arguments.append(word)
    return tuple(dict.fromkeys(arguments))


def _contradiction(index: int, word: str, other: str) -> HostdevError:
    return HostdevError(
        "invalid_argument",
        subject=f"arguments[{index}]",
        found=f"{word} contradicts {other}",
        wanted="one of the two",
    )


def place(argument: str, line: t.Sequence[str]) -> int | None:
    """Where an argument stands last in a line, None where it does not."""
    parts = argument.split(" ")
    for start in range(len(line) - len(parts), -1, -1):
        if list(line[start : start + len(parts)]) == parts:
            return start
    return None


def words(line: bytes) -> list[str]:
    """The arguments of a line; what isn't UTF-8 stays what it is."""
    return [word.decode("utf-8", "surrogateescape") for word in _BLANKS.split(line) if word]


def kernels_own(line: t.Sequence[str]) -> list[str]:
    """The words that the kernel goes by: what follows a lone -- is for init (parse_args() in kernel/params.c)."""
    return list(line[: line.index("--")] if "--" in line else line)


def contradicts(asked: str, other: str) -> bool:
    """Whether another argument takes back what one asks for, where it comes later (or at all, as iommu=off does)."""
    name, value = _parts(asked)
    other_name, other_value = _parts(other)
    if other_name == name:
        return _opposite(value, other_value) or _opposite(other_value, value)
    return other_name in _ABOVE.get(name, ()) and _opposite(value, other_value)


def in_force(asked: str, line: t.Sequence[str]) -> bool:
    """Whether a kernel booted with the line goes by the argument: the last of a name wins, of pages the first."""
    last = place(asked, line)
    if last is None or not pages_in_force(asked, line):
        return False
    name = _parts(asked)[0]
    return not any(
        contradicts(asked, word) and (index > last or _parts(word)[0] != name) for index, word in enumerate(line)
    )


def _parts(argument: str) -> tuple[str, str]:
    """Name and value; the kernel takes - and _ in a name for the same (parameqn() in kernel/params.c)."""
    name, _equals, value = argument.partition("=")
    return name.replace("-", "_"), value


def _opposite(value: str, other: str) -> bool:
    """Whether the other value switches off what the value has on. 0 and n may be a number or a name as well."""
    other = other.lower()
    if value.lower().split(",")[0] in _OFF:
        return False
    return other in _SURELY_OFF or (value, other) in _OPPOSITES or (other in _OFF and value.lower() in _ON)
