# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else makes VFs of a PF on this host, or sets them: asked of all kinds that are known."""

from __future__ import annotations

import typing as t

from ...._model.sriov.makers.maker import PfNames
from ..pci.functions import DEVICES
from . import module_parameters, netplan, network_manager, scripts, sriov_operator, systemd_files
from .files import Files

if t.TYPE_CHECKING:
    from ...._model.sriov.link_settings import Link
    from ...._model.sriov.makers.maker import VfMaker
    from ...sysfs import Tree

Makers = t.Callable[[Files, PfNames], t.Iterable["VfMaker"]]

KINDS: tuple[Makers, ...] = (
    systemd_files.makers,
    network_manager.makers,
    netplan.makers,
    module_parameters.makers,
    sriov_operator.makers,
    scripts.makers,
)
"""A new kind is a file here with this function, its rules in `_model/sriov/makers`, and an entry."""


class Found(t.NamedTuple):
    """All that makes VFs of the PF, or sets them; `unread` has the files that could not be looked into, with why."""

    makers: tuple[VfMaker, ...]
    unread: t.Mapping[str, str]


def read_vf_makers(tree: Tree, pf: PfNames) -> Found:
    """Read all files that may make VFs. Raises nothing for what is not there, or can't be read."""
    files = Files(tree)
    makers = tuple(dict.fromkeys(maker for kind in KINDS for maker in kind(files, pf)))
    return Found(makers, dict(files.unread))


def pf_names(tree: Tree, address: str, link: Link | None = None) -> PfNames:
    """What files may name the PF by; sysfs has neither alternative names nor the card's own address, `link` has both.

    An interface that was moved to another network namespace is not known.
    """
    folder = f"{DEVICES}/{address}"
    interfaces = tuple(tree.names(f"{folder}/net"))
    macs = (tree.text(f"{folder}/net/{name}/address") for name in interfaces)
    names, more = (link.names, link.macs) if link else ((), ())
    return PfNames(
        address,
        tuple(dict.fromkeys((*interfaces, *names))),
        tree.link_name(f"{folder}/driver"),
        tuple(dict.fromkeys((*(mac for mac in macs if mac), *more))),
        frozenset(tree.names("/sys/class/net")) - frozenset(interfaces),
    )
