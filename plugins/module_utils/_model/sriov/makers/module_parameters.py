# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters of a driver's module that make VFs of all its PFs when it is loaded (modprobe.d(5))."""

from __future__ import annotations

import re
import typing as t

from .maker import MODULE_PARAMETER, VfMaker, number

if t.TYPE_CHECKING:
    from .maker import Source

# Of xe and i915 max_vfs is a limit alone: it makes none.
_LIMITS = ("xe", "i915")
_NAMES = ("max_vfs", "num_vfs")


def parameters_of(module: str) -> tuple[str, ...]:
    """The names of the parameters by which this module would make VFs."""
    return () if module in _LIMITS else _NAMES


def option_makers(source: Source, module: str) -> list[VfMaker]:
    """Lines `options MODULE max_vfs=N` in a file of modprobe.d."""
    makers: list[VfMaker] = []
    for line, content in enumerate(source.text.split("\n"), 1):
        words = content.split()
        if len(words) > 2 and words[0] == "options" and _same(words[1], module):
            makers += _found(source.path, line, words[2:], module, content.strip())
    return makers


def command_line_makers(source: Source, module: str) -> list[VfMaker]:
    """Words `MODULE.max_vfs=N` on the kernel's command line."""
    makers: list[VfMaker] = []
    for word in source.text.split():
        owner, dot, assignment = word.partition(".")
        if dot and _same(owner, module):
            makers += _found(source.path, 1, [assignment], module, word)
    return makers


def loaded_maker(path: str, value: str) -> VfMaker | None:
    """A parameter as the module was loaded with it, which may come from an initramfs that no file here tells of."""
    value = value.strip()
    # Arrays that were not given say 0 for each card, strings nothing or (null).
    if value in ("(null)",) or not re.search(r"[1-9]", value):
        return None
    return VfMaker(MODULE_PARAMETER, path, 1, value, certain=True, count=number(value))


def _found(path: str, line: int, words: t.Iterable[str], module: str, text: str) -> t.Iterator[VfMaker]:
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.replace("-", "_") in parameters_of(module) and number(value) != 0:
            yield VfMaker(MODULE_PARAMETER, path, line, text, certain=True, count=number(value))


def _same(name: str, module: str) -> bool:
    return name.replace("-", "_") == module.replace("-", "_")
