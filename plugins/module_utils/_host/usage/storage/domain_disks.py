# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains have a disk on which function: by a node of a block device that lies on it, running or not."""

from __future__ import annotations

import typing as t

from ...._model.guest.disk_nodes import device_nodes, volume_nodes
from ...._model.host.uses import DomainUse
from .block_devices import BlockDevices

if t.TYPE_CHECKING:
    from ...._model.guest.domain import Domain, DomainLayout
    from ...sysfs import Tree


def disk_uses(tree: Tree, domains: t.Iterable[Domain]) -> t.Iterator[tuple[str, DomainUse]]:
    """A use for each domain and function, with the function's address and the first node that leads there."""
    blocks = BlockDevices(tree)
    for domain in domains:
        config, live = _functions(blocks, domain, domain.config), _functions(blocks, domain, domain.live)
        for address, node in {**config, **live}.items():
            places = {"config": address in config, "live": address in live}
            yield address, DomainUse(domain.name, domain.uuid, "disk", active=domain.active, **places, node=node)


def _functions(blocks: BlockDevices, domain: Domain, layout: DomainLayout | None) -> dict[str, str]:
    functions: dict[str, str] = {}
    if layout is None:
        return functions
    for node in sorted({*device_nodes(layout), *volume_nodes(domain, layout)}):
        block = blocks.named(node)
        for _path, address in blocks.locations(block) if block is not None else ():
            if address:
                functions.setdefault(address, node)
    return functions
