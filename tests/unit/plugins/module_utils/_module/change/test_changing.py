# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a module keeps on the host what brings devices back."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._module.change.changing import keeper
from ansible_collections.kvm.hostdev.plugins.module_utils._module.options import FACTS_PATH


def kept(path, *, persist=None):
    return keeper(types.SimpleNamespace(params={"facts_path": path, "persist": persist}), Tree())


@pytest.mark.parametrize("path", [FACTS_PATH, f"{FACTS_PATH}/", "/etc//ansible/facts.d"])
@pytest.mark.parametrize("persist", [None, True])
def test_the_folder_that_the_units_read_is_known_however_it_is_written(path, persist):
    assert kept(path, persist=persist) is not None


def test_of_a_record_in_another_folder_nothing_is_kept():
    assert kept("/srv/hostdev") is None
    with pytest.raises(HostdevError, match="facts_path /srv/hostdev") as caught:
        kept("/srv/hostdev", persist=True)
    assert caught.value.code == "persist_failed"
