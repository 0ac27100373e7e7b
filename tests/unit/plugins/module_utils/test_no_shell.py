# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing that anybody named reaches a shell, and XML is made of elements, never of text: read from the code itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
TREES = {str(path.relative_to(PLUGINS)): ast.parse(path.read_text(encoding="utf-8")) for path in PLUGINS.rglob("*.py")}
_RUNNERS = frozenset(
    "system popen Popen run call check_call check_output getoutput getstatusoutput run_command exec_command spawnl "
    "spawnv posix_spawn execv execve execvp execl execlp".split()
)
_OF_MODULES = frozenset({"os", "subprocess", "pty", "commands"})


def _name(call: ast.Call) -> str:
    function = call.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _owner(call: ast.Call) -> str:
    value = getattr(call.func, "value", None)
    return value.id if isinstance(value, ast.Name) else ""


def programs_started(tree: ast.AST) -> list[ast.Call]:
    """Calls that start a program."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _name(node) in _RUNNERS
        and (_owner(node) in _OF_MODULES or _name(node) in ("run_command", "exec_command", "Popen", "popen"))
    ]


def reaches_a_shell(call: ast.Call) -> bool:
    """Whether a call hands its program to a shell, or a text in which a shell could see more than one word."""
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    asked = [options.get("shell"), options.get("use_unsafe_shell")]
    if any(value is not None and not (isinstance(value, ast.Constant) and value.value is False) for value in asked):
        return True
    if _owner(call) == "os" and not _name(call).startswith(("exec", "spawn", "posix_spawn")):
        return True
    first = call.args[0] if call.args else options.get("args")
    return not isinstance(first, (ast.List, ast.Tuple))


def xml_in_text(tree: ast.AST) -> list[int]:
    """Lines where a value is put into or between XML tags as text, but for what is told of an element to a reader."""
    told = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _owner(node) == "problems"
        for part in ast.walk(node)
    }
    lines = []
    for node in ast.walk(tree):
        text = None
        if id(node) in told:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mod, ast.Add)):
            sides = [side for side in (node.left, node.right) if isinstance(side, ast.Constant)]
            text = "".join(f"\0{side.value}\0" for side in sides if isinstance(side.value, str) and "<" in side.value)
        elif isinstance(node, ast.Call) and _name(node) == "format" and isinstance(node.func, ast.Attribute):
            value = node.func.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                text = re.sub(r"\{[^{}]*\}", "\0", value.value)
        if text and re.search(r"<[A-Za-z/][^<>]*\0|<\0[^<>]*/?>|<[A-Za-z/][^<>]*>\0|\0</?[A-Za-z]", text):
            lines.append(node.lineno)
    return lines


def test_the_programs_that_are_started_have_their_words_in_a_list():
    started = {file: programs_started(tree) for file, tree in TREES.items()}
    assert not any(reaches_a_shell(call) for calls in started.values() for call in calls)
    assert {file: [ast.unparse(call.args[0]) for call in calls] for file, calls in started.items() if calls} == {
        "module_utils/_module/change/changing.py": ["[modprobe, '--', name]"],
        "module_utils/_host/binding/iproute.py": ["[program, *words]"],
        "module_utils/_host/boot/programs.py": ["[*words]"],
    }


def test_nothing_is_run_as_code():
    named = {
        f"{file}:{node.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _name(node) in ("eval", "exec") and not _owner(node)
    }
    assert named == set()


def test_no_file_makes_xml_of_text():
    assert {file: lines for file, tree in TREES.items() if (lines := xml_in_text(tree))} == {}


@pytest.mark.parametrize(
    ("code", "shell"),
    [
        ("os.system('ls')", True),
        ("os.popen('ls')", True),
        ("subprocess.run('ls', check=True)", True),
        ("subprocess.run(['ls'], shell=True)", True),
        ("subprocess.run(['ls'], shell=asked)", True),
        ("subprocess.run(words)", True),
        ("subprocess.run(['ls', name], shell=False)", False),
        ("module.run_command(['ls', name], use_unsafe_shell=True)", True),
        ("module.run_command(f'ls {name}')", True),
        ("module.run_command(['ls', name])", False),
    ],
)
def test_a_shell_would_be_seen(code, shell):
    assert [reaches_a_shell(call) for call in programs_started(ast.parse(code))] == [shell]


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("f'<address bus=\"{bus}\"/>'", True),
        ("f'<{tag}/>'", True),
        ("f'<name>{name}</name>'", True),
        ("'<name>' + name + '</name>'", True),
        ("'<name>%s</name>' % name", True),
        ("'<name>{}</name>'.format(name)", True),
        ("f\"add <controller type='pci'/> to its <devices> with virsh edit {name}\"", False),
        ("f'{before} <= {after}'", False),
        ("'<controller/>'", False),
        ("problems.append(f'<{tag}>: {error}')", False),
    ],
)
def test_xml_that_is_made_of_text_would_be_seen(code, seen):
    assert bool(xml_in_text(ast.parse(code))) is seen
