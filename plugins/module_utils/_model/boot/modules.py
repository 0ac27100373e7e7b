# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules of the installed kernels, and which of them can be loaded at boot: never by a kernel's number.

vfio_virqfd is a module to 6.1 and a part of vfio from 6.2 on; distributions build vfio_pci in, or leave it out.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ..errors import HostdevError, few
from ..nearest import did_you_mean

VFIO_PCI = "vfio_pci"
# What the kernel loads by itself along with vfio_pci; one of them is enough, by architecture.
_BACKENDS = ("vfio_iommu_type1", "vfio_iommu_spapr_tce")
SHOWN = ("vfio", "vfio_pci", "vfio_pci_core", *_BACKENDS, "vfio_virqfd")
"""The modules of which the result says in which kernels they are."""

MODULE, BUILTIN, MISSING = "module", "builtin", "missing"

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_FILE = re.compile(rb"([^/:\s]+)\.ko(?:\.\w+)?(?=[:\s]|$)")


@dataclass(frozen=True)
class Kernel:
    """An installed kernel: modules that it can load and that are built in, by names with _ in place of -.

    `softdeps` are the soft dependencies that its modules declare themselves: what is loaded before and after.
    """

    release: str
    loadable: frozenset[str] = frozenset()
    builtin: frozenset[str] = frozenset()
    softdeps: t.Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    def state(self, name: str) -> str:
        name = module_name(name)
        return MODULE if name in self.loadable else BUILTIN if name in self.builtin else MISSING


def module_name(name: str) -> str:
    """The kernel takes - and _ in a name for the same."""
    return name.replace("-", "_")


def names_in(data: bytes) -> frozenset[str]:
    """The modules of a modules.dep or modules.builtin: the first file of each line, whatever it is packed with."""
    names = set()
    for line in data.split(b"\n"):
        file = _FILE.search(line.partition(b":")[0])
        if file is not None:
            names.add(module_name(file.group(1).decode("utf-8", "replace")))
    return frozenset(names)


def softdeps_in(text: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The soft dependencies in a modules.softdep or modprobe.d: of a module the first line alone counts (libkmod)."""
    softdeps: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for line in text.split("\n"):
        words = line.split()
        if len(words) < 2 or words[0] != "softdep":
            continue
        parts: dict[str, list[str]] = {"pre:": [], "post:": []}
        place: list[str] = []
        for word in words[2:]:
            if word in parts:
                place = parts[word]
            else:
                place.append(word)
        softdeps.setdefault(module_name(words[1]), (tuple(parts["pre:"]), tuple(parts["post:"])))
    return softdeps


def check_names(names: t.Sequence[str], option: str) -> tuple[str, ...]:
    """Module names in the spelling of lists, each once. Raises HostdevError with code invalid_option."""
    for index, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise HostdevError(
                "invalid_option",
                subject=f"{option}[{index}]",
                found=f"found {name!r}",
                wanted="a module's name such as vfio_pci, of letters, digits, _ and -",
                remedy="give its parameters with options",
            )
    return tuple(dict.fromkeys(map(module_name, names)))


def chosen_modules(kernels: t.Sequence[Kernel], asked: t.Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """What is to be loaded at boot by all kernels alike, and warnings.

    A name that one kernel lacks fails systemd-modules-load there, and breaks dracut's build. Raises HostdevError:
    vfio_missing, invalid_option.
    """
    for index, name in enumerate(asked):
        _check_known(kernels, name, f"modules[{index}]", everywhere=True)
    warnings = []
    if not asked:
        lacking = [kernel.release for kernel in kernels if kernel.state(VFIO_PCI) == MISSING]
        if len(lacking) == len(kernels):
            raise _no_vfio(kernels)
        if lacking:
            warnings.append(
                f"vfio_pci is not loaded at boot, but by the first claim: the kernel {few(lacking)} lacks it; remove "
                "that kernel, or install the package with the rest of its modules"
            )
        asked = [
            name
            for name in (VFIO_PCI, *_BACKENDS)
            if not lacking and all(kernel.state(name) != MISSING for kernel in kernels)
        ]
    # What is built into all of them needs no loading.
    return tuple(name for name in asked if any(kernel.state(name) == MODULE for kernel in kernels)), warnings


def softdep_lines(kernels: t.Sequence[Kernel], natives: t.Sequence[str]) -> list[str]:
    """Lines of modprobe.d that have vfio-pci loaded before native drivers.

    They stand in the place of what the drivers' modules declare themselves, so that this is taken over. Raises
    HostdevError: invalid_option.
    """
    lines = []
    for index, native in enumerate(natives):
        _check_known(kernels, native, f"softdeps[{index}]", everywhere=False)
        before, after = ["vfio-pci"], []
        for kernel in kernels:
            own_before, own_after = kernel.softdeps.get(native, ((), ()))
            before += [name for name in own_before if name not in before]
            after += [name for name in own_after if name not in after]
        lines.append(" ".join(["softdep", native, "pre:", *before, *(["post:", *after] if after else [])]))
    return lines


def built_in_warnings(kernels: t.Sequence[Kernel], natives: t.Sequence[str], options: t.Collection[str]) -> list[str]:
    """What modprobe.d has no effect on."""
    warnings = []
    of = [kernel.release for kernel in kernels if kernel.state(VFIO_PCI) == BUILTIN]
    if of and options:
        arguments = " ".join(f"vfio-pci.{option}" for option in options)
        warnings.append(
            f"vfio_pci is built into the kernel {few(of)}, where modprobe.d has no effect: give {arguments} to the "
            "kernel's command line instead"
        )
    if of and natives:
        warnings.append(
            f"vfio_pci is built into the kernel {few(of)}: it is there before any module, and softdeps change nothing"
        )
    for native in natives:
        of = [kernel.release for kernel in kernels if kernel.state(native) == BUILTIN]
        if of:
            warnings.append(
                f"{native} is built into the kernel {few(of)}: it binds before any module is loaded, and no softdep "
                "changes that"
            )
    return warnings


def _check_known(kernels: t.Sequence[Kernel], name: str, subject: str, *, everywhere: bool) -> None:
    """Whether the kernels have a module, or all of them where it is `everywhere`. Raises HostdevError."""
    lacking = [kernel.release for kernel in kernels if kernel.state(name) == MISSING]
    if not lacking or (not everywhere and len(lacking) < len(kernels)):
        return
    every = sorted({known for kernel in kernels for known in kernel.loadable | kernel.builtin})
    remedy = "leave it out: vfio_pci draws it in wherever it is a module of its own" if name == "vfio_virqfd" else ""
    if len(lacking) == len(kernels):
        remedy = remedy or did_you_mean(name, every)
    raise HostdevError(
        "invalid_option",
        subject=subject,
        found=f"{name} is no module of the kernel {few(lacking)}",
        wanted="a module of every installed kernel" if everywhere else "a module of an installed kernel",
        remedy=remedy or "leave it out, or remove the kernels that lack it",
    )


def _no_vfio(kernels: t.Sequence[Kernel]) -> HostdevError:
    releases = few([kernel.release for kernel in kernels])
    return HostdevError(
        "vfio_missing",
        subject="vfio_pci",
        found=f"no installed kernel has it ({releases})" if kernels else "there is no kernel in /lib/modules",
        wanted="a kernel with vfio_pci",
        remedy="install the package with the rest of the kernel's modules, or another kernel than one for clouds",
    )
