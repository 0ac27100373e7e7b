# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module parameters that make VFs of all PFs of a driver."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import Source
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.module_parameters import (
    command_line_makers,
    loaded_maker,
    option_makers,
)


def options(text, module="igb"):
    makers = option_makers(Source("/etc/modprobe.d/x.conf", text), module)
    return [(maker.line, maker.text, maker.certain, maker.count) for maker in makers]


def test_options_of_the_module_are_found():
    text = "# options igb max_vfs=2\noptions ixgbe max_vfs=3\n options  igb debug=1 max_vfs=7\noptions igb\n"
    assert options(text) == [(3, "options  igb debug=1 max_vfs=7", True, 7)]


def test_names_may_have_either_stroke_and_values_several_numbers():
    assert options("options mlx4-core num_vfs=4,4,0", "mlx4_core") == [
        (1, "options mlx4-core num_vfs=4,4,0", True, None)
    ]


@pytest.mark.parametrize(("text", "module"), [("options igb max_vfs=0", "igb"), ("options xe max_vfs=4", "xe")])
def test_none_and_a_mere_limit_make_no_vfs(text, module):
    assert options(text, module) == []


def test_words_of_the_command_line_are_found():
    text = "ro igb.max_vfs=5 ixgbe.max_vfs=3 igb.debug=1 max_vfs=2"
    makers = command_line_makers(Source("/proc/cmdline", text), "igb")
    assert [(maker.text, maker.count) for maker in makers] == [("igb.max_vfs=5", 5)]


@pytest.mark.parametrize(
    ("value", "found"),
    [("7\n", [7]), ("0\n", []), ("0,0,0", []), ("3,0", [None]), ("(null)", []), ("", []), ("10", [10])],
)
def test_a_parameter_as_it_was_loaded(value, found):
    maker = loaded_maker("/sys/module/igb/parameters/max_vfs", value)
    assert [maker.count for maker in (maker,) if maker] == found
