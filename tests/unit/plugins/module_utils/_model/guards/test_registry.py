# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One table has all codes, and all guards are found by it."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.blocker import Blocker, blocker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import (
    ALLOWABLE,
    BY_ALLOW,
    BY_GROUP_MEMBERS,
    GUARDS,
    NEVER,
)

UTILS = Path(__file__).resolve().parents[6] / "plugins/module_utils"
GUARD_FILES = sorted(path.stem for path in (UTILS / "_model/guards").glob("[!_]*.py"))
A, B = "0000:01:00.0", "0000:01:00.1"


def guards():
    """The files' guards, as guards_in found them."""
    package = "ansible_collections.kvm.hostdev.plugins.module_utils._model.guards"
    files = {name: importlib.import_module(f"{package}.{name}") for name in GUARD_FILES}
    return {
        (name, code): guard
        for name, file in files.items()
        for code, guard in getattr(file, "_OF_FUNCTIONS", None) or getattr(file, "_GUARDS", ())
    }


def codes_of_uses():
    """What the readers of the host's uses hand on as codes."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (UTILS / "_host/usage").rglob("*.py")]
    told = [text for tree in trees for node in ast.walk(tree) for text in _codes(node)]
    return {
        text.value for text in told if isinstance(text, ast.Constant) and isinstance(text.value, str) and text.value
    }


def _codes(node):
    """The code in an expression that makes a use: a HostUse, a tuple that is yielded, `code` set or looped over."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("HostUse", "InterfaceUse"):
        return [text for text in node.args if re.fullmatch("[a-z_]+", str(getattr(text, "value", "")))][:1]
    if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
        return node.value.elts[:1]
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
        return list(ast.walk(node.value))
    if isinstance(node, ast.For) and ast.unparse(node.target).startswith("(code, "):
        return [pair.elts[0] for pair in node.iter.elts] if isinstance(node.iter, ast.Tuple) else []
    return []


def test_every_code_has_a_guard_or_a_use_of_the_host_that_gives_it():
    of_guards = {code for _file, code in guards()}
    assert of_guards | codes_of_uses() == set(GUARDS)


def test_a_guard_is_the_function_of_its_codes_name():
    functions = guards()
    assert {code: guard.__name__ for (_file, code), guard in functions.items()} == {
        code: code for _file, code in functions
    }


def test_what_looks_like_a_guard_is_one():
    """A guard whose name is misspelt would never be asked."""
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(UTILS.rglob("*.py"))}
    defined = {
        node.name
        for path, source in sources.items()
        if path.parent.name == "guards"
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    uses = {name for source in sources.values() for name in re.findall(r"(?<!def )\b(\w+)\(", source)}
    assert defined - uses - {code for _file, code in guards()} == set()


@pytest.mark.parametrize("code", GUARDS)
def test_every_entry_is_whole(code):
    guard = GUARDS[code]
    assert guard.allowable in (NEVER, BY_ALLOW, BY_GROUP_MEMBERS)
    for text in (guard.meaning, guard.remedy, guard.see):
        assert len(text) > 4
        assert text.count("`") % 2 == 0
        assert text[-1] not in ".;,"
    assert not guard.meaning.startswith(code)
    assert ": " not in guard.meaning, "it becomes a plain text of YAML in the documentation of allow"
    assert "free one" not in guard.remedy


def test_what_may_be_accepted_stays_as_it_is():
    assert {
        *("boot_vga", "default_route", "enslaved", "in_domain_xml", "in_interface_hostdev"),
        *("ip_configured", "mgmt_nic", "network_storage", "other_netns", "watchdog"),
    } == ALLOWABLE
    assert [code for code, guard in GUARDS.items() if guard.allowable == BY_GROUP_MEMBERS] == ["group_incomplete"]


def test_a_remedy_names_the_function_at_fault():
    assert blocker("pf_has_vfs", A, "2 VFs").remedy.count(f"`address: {A}, state: absent`") == 1
    assert blocker("group_incomplete", B, "driver nvme").remedy.startswith(
        f"set `group_members` to claim, or to a list with {B}"
    )


def test_a_blocked_mate_is_mended_by_what_lifts_its_own_blockers():
    causes = [
        Blocker("mounted_fs", B, "/dev/sda"),
        Blocker("mounted_fs", B, "/dev/sdb"),
        Blocker("swap", B, "/dev/sdc"),
    ]
    assert blocker("group_blocked", B, "why", causes=causes).remedy == (
        "unmount it where the detail says (`umount`), and take it out of `/etc/fstab`; take the swap out of use "
        "(`swapoff`), and out of `/etc/fstab`, or put the card into a slot with a group of its own"
    )


def test_an_option_accepts_a_blocker_only_where_its_code_may_be():
    assert blocker("group_incomplete", B, "why").override == "group_members: claim"
    assert not blocker("group_incomplete", B, "why").accepted({"group_incomplete"})
    assert blocker("boot_vga", A, "why").accepted({"boot_vga"})
    assert not blocker("boot_vga", A, "why").accepted({"bmc"})
    assert not blocker("in_domain_xml", A, "running", allowable=False).accepted({"in_domain_xml"})
