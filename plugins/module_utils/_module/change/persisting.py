# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is left on the host so that its devices come back, made of the sources that Ansible has sent with the module."""

from __future__ import annotations

import os
import sys
import typing as t

if t.TYPE_CHECKING:
    from ..._host.persistence.keeping import Keeper
    from ..._host.sysfs import Tree


def keeper(tree: Tree) -> Keeper:
    """What keeps it; its parts are imported when something is to be kept, or may be there."""
    from ..._host.persistence.keeping import Keeper

    return Keeper(tree, source, sys.executable)


def source(path: str) -> bytes:
    """A source of ours by its path below module_utils, from the zip that Ansible sent or from a folder."""
    from ..._host.restore import main  # so that Ansible sends all that the program is made of

    loader = main.__loader__
    folder = os.path.dirname(os.path.dirname(os.path.dirname(main.__file__)))
    data: bytes = loader.get_data(os.path.join(folder, path))  # type: ignore[union-attr]
    return data
