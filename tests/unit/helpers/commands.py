# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands as pages print them, held against what there is: programs, sessions, playbooks, options, variables."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = set(
    """
    blkdiscard cat cd chmod cp curl echo git grep jq ls mkdir mount rm sha256sum ssh
    apt apt-get dnf dracut grub2-mkconfig mkinitcpio update-grub update-initramfs
    dmesg driverctl ethtool ip journalctl lsblk lspci lsusb modprobe numactl nvidia-smi nvme systemctl
    openstack pip podman python3 qm source virsh virt-install xmllint
    ansible-builder ansible-navigator ansible-rulebook ansible-runner ansible-test awx
    """.split()
)
"""Programs of others that pages may name: a word that is none of them is misspelt, or to be added here."""
COLLECTIONS = {"kvm.hostdev", "community.general", "awx.awx", "ansible.eda"}
_OF_ANSIBLE = {"ansible": "adhoc", "ansible-doc": "doc", "ansible-galaxy": "galaxy", "ansible-inventory": "inventory"}
_OF_ANSIBLE["ansible-playbook"] = "playbook"
_PROMPT = re.compile(r"^(?:[\w.@-]*[$#]) ")
_SESSION = re.compile(r'^@nox\.session(?:\(name="(\w+)"\))?\ndef (\w+)', re.MULTILINE)
_CHAINED = {"|", "&&", "||", ";"}


def commands(language: str, text: str) -> list[list[str]]:
    """The words of each command of a block, those that are chained apart. What `console` prints is left out."""
    joined = re.sub(r"\\\n\s*", " ", text).splitlines()
    seen = [_PROMPT.sub("", line) for line in joined if _PROMPT.match(line)]
    found = []
    for line in seen if language == "console" else joined:
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), ";"]:
            if word in _CHAINED:
                found.append(words)
                words = []
            else:
                words.append(word)
    return [words for words in found if words]


def fault(words: t.Sequence[str], page: str = "") -> str:
    """What is wrong with a command; `page` is the text of the page, for files that it tells the reader to write."""
    words = list(words)
    while words and (words[0] in ("sudo", "nice") or re.match(r"[A-Z_]+=", words[0])):
        words.pop(0)
    if not words:
        return ""
    program, arguments = words[0], words[1:]
    if program == "./run":
        session = arguments[0] if arguments else "lint"
        return "" if session in sessions() or session.isupper() else f"./run has no session {session}"
    if program == "python3" and arguments[:1] == ["-m"]:
        there = (ROOT / arguments[1].replace(".", "/")).is_dir() or not arguments[1].startswith("tests.")
        return "" if there else f"there is no {arguments[1]}"
    if program in _OF_ANSIBLE:
        return _of_ansible(program, arguments, page)
    return "" if program in PROGRAMS else f"{program} is no program that pages name"


def sessions() -> set[str]:
    """What `./run` has."""
    found = _SESSION.findall((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {given or function for given, function in found}


def _of_ansible(program: str, arguments: list[str], page: str) -> str:
    """What Ansible's own parser of arguments says, and what is wrong with collections, playbooks and variables."""
    module = importlib.import_module(f"ansible.cli.{_OF_ANSIBLE[program]}")
    (cli,) = [value for name, value in vars(module).items() if name.lower() == f"{_OF_ANSIBLE[program]}cli"]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            parsing = cli([program, *arguments])
            parsing.init_parser()
            options = parsing.parser.parse_args(parsing.args[1:])
        except SystemExit:
            return said.getvalue().strip().splitlines()[-1]
    if program == "ansible-playbook":
        return _of_playbooks(options, page)
    return _of_collections(options.args) if program == "ansible-galaxy" else ""


def _of_collections(names: t.Sequence[str]) -> str:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    built = re.compile(rf"(?:[\w.-]+/)?kvm-hostdev-(?:\*|{re.escape(version)})\.tar\.gz|\.")
    unknown = [name for name in names if name.partition(":")[0] not in COLLECTIONS and not built.fullmatch(name)]
    return "".join(f"{name} is no tarball of {version} and none of {sorted(COLLECTIONS)}" for name in unknown)


def _of_playbooks(options: t.Any, page: str) -> str:
    given = [variable for text in options.extra_vars for variable in _variables(text)]
    known = set()
    for name in options.args:
        if name.startswith("kvm.hostdev."):
            path = ROOT / "playbooks" / f"{name.removeprefix('kvm.hostdev.')}.yml"
            if not path.is_file():
                return f"there is no playbook {name}"
            known |= set(re.findall(r"\bhostdev_\w+", _with_included(path)))
        elif page.replace("``", "").count(name) < 2 and name != "site.yml":
            return f"{name} is told of nowhere else on the page"
    named = [variable for variable in given if variable.startswith("hostdev_")]
    unknown = [name for name in named if name not in known] if known else []
    return f"no variable of {options.args}: {', '.join(unknown)}" if unknown else ""


def _variables(text: str) -> list[str]:
    if text.startswith("@"):
        return []
    if text.lstrip().startswith("{"):
        return list(yaml.safe_load(text))
    return [word.partition("=")[0] for word in shlex.split(text)]


def _with_included(path: Path) -> str:
    """The text of a playbook, of the tasks that it includes, and of the options of the roles that it runs."""
    text = path.read_text(encoding="utf-8")
    folder = path.parent if path.parent.name == "tasks" else path.parent / "tasks"
    included = {folder / name.rpartition("/")[2] for name in re.findall(r"[\w/]+\.yml", text)} - {path}
    specs = [ROOT / f"roles/{role}/meta/argument_specs.yml" for role in re.findall(r"kvm\.hostdev\.(\w+)\b", text)]
    more = [_with_included(task) for task in sorted(included) if task.is_file()]
    return "\n".join([text, *more, *(spec.read_text(encoding="utf-8") for spec in specs if spec.is_file())])
