# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide on playbooks says of their variables, made from the playbooks and from what they call."""

from __future__ import annotations

import ast
import re
import typing as t

import yaml

from .filling import ROOT, filled, list_table

GUIDE = "docs/docsite/rst/guide_playbooks.rst"
PLAYBOOKS = (
    *("prepare", "report", "facts", "adopt", "passthrough", "claim", "place", "release", "reconcile", "record_host"),
)
ROLE = "kvm.hostdev.host"
OF_PLAYS = {
    "hostdev_hosts": ("``all``", "The hosts, by name, group or pattern."),
    "hostdev_serial": ("``100%``", "How many hosts the run works on at once, such as ``1`` or ``10%``."),
    "hostdev_become": ("``true``", "Whether to become root on the hosts."),
    "hostdev_one_host": (
        "``false``",
        "Whether a limit is refused that is not the name of one host, such as a group's.",
    ),
}
"""Variables of no option that several playbooks have, with their default."""
OF_ONE = {
    "hostdev_record_dest": (
        "``recordings``",
        "The folder on the controller for the files. A relative path begins in the current folder.",
    ),
    "hostdev_strategy": (
        "``pack``",
        "Which of several equally good hosts is chosen: with ``pack`` the one with the fewest free devices that fit, "
        "with ``spread`` the one with the most.",
    ),
    "hostdev_anti_affinity": ("none", "Names of hosts and of groups of the inventory that are never chosen."),
    "hostdev_gather": (
        "``true``",
        "Whether hosts are asked what is free. With ``false`` known facts are used, such as those in a fact cache.",
    ),
    "hostdev_tries": ("``10``", "On how many hosts the claim is tried at most, the best one first. The limit is 100."),
    "hostdev_adopt_confirm": (
        "``false``",
        "Whether to write the devices into the record instead of only showing them.",
    ),
    "hostdev_accept_drift": (
        "none",
        "Codes of the :ref:`drift <ansible_collections.kvm.hostdev.docsite.guide_record>` that the playbook ignores, "
        "such as ``removed,not_on_record``.",
    ),
}
"""Such that one playbook has."""
_INCLUDED = re.compile(r"(?:include_tasks|import_tasks|file): (?:tasks/)?(\w+\.yml)")
_PASSED = re.compile(r"\{\{ (hostdev_\w+)(?: \| default\(omit\))? \}\}")
_MARKUP = re.compile(r"\b(RV|R|[OVCMEI])\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


class Option(t.NamedTuple):
    module: str
    name: str


def wanted() -> dict[str, str]:
    """The guide as it should be."""
    plays = {name: _read(f"{name}.yml") for name in PLAYBOOKS}
    passed = {name: dict(_passed(play)) for name, play in plays.items()}
    named = [(variable, option) for options in passed.values() for variable, option in options.items()]
    shared = list(dict.fromkeys(variable for variable, option in named if _is_shared(option)))
    text = (ROOT / GUIDE).read_text(encoding="utf-8")
    text = filled(text, GUIDE, "common variables", "playbooks", _common(plays, passed, shared))
    for name, options in passed.items():
        rows = _of_role() if name == "prepare" else _of_playbook(plays[name], options, shared)
        text = filled(text, GUIDE, f"variables of {name}", f"playbooks/{name}.yml", rows)
    return {GUIDE: text}


def _read(file: str) -> list[t.Any]:
    """The plays or tasks of a file below playbooks/, and those of the files that it includes."""
    text = (ROOT / "playbooks" / file).read_text(encoding="utf-8")
    included = [name for name in dict.fromkeys(_INCLUDED.findall(text)) if f"tasks/{name}" != file]
    return [*yaml.safe_load(text), *(task for name in included for task in _read(f"tasks/{name}"))]


def _passed(part: t.Any) -> t.Iterator[tuple[str, Option]]:
    """Each variable that a play hands to a module as it is, with the option."""
    if isinstance(part, list):
        for one in part:
            yield from _passed(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if str(key).startswith("kvm.hostdev.") and isinstance(value, dict):
                for option, given in value.items():
                    found = _PASSED.fullmatch(str(given))
                    if found:
                        yield found[1], Option(key.removeprefix("kvm.hostdev."), option)
            else:
                yield from _passed(value)


def _names(play: t.Any, variable: str) -> bool:
    return re.search(rf"\b{variable}\b", str(play)) is not None


def _common(
    plays: t.Mapping[str, t.Any], passed: t.Mapping[str, t.Mapping[str, Option]], shared: t.Sequence[str]
) -> str:
    rows = [["Variable", "Playbooks", "It becomes", "Default", "What it is"]]
    for variable, (default, what) in OF_PLAYS.items():
        having = [name for name, play in plays.items() if _names(play, variable)]
        keyword = variable.removeprefix("hostdev_")
        becomes = "no option" if keyword == "one_host" else f"``{keyword}`` of the play"
        rows.append([f"``{variable}``", _named(having), becomes, default, what])
    for variable in shared:
        having = [name for name, options in passed.items() if variable in options]
        rows.append([f"``{variable}``", _named(having), *_told(passed[having[-1]][variable], passed[having[-1]])])
    return list_table("20 18 20 12 30", rows)


def _of_playbook(play: t.Any, passed: t.Mapping[str, Option], shared: t.Collection[str]) -> str:
    rows = [["Variable", "It becomes", "Default", "What it is"]]
    rows += [[f"``{name}``", "no option", *told] for name, told in OF_ONE.items() if _names(play, name)]
    rows += [[f"``{name}``", *_told(option, passed)] for name, option in passed.items() if name not in shared]
    return list_table("24 26 12 38", rows)


def _of_role() -> str:
    rows = [["Variable", "Default", "What it is"]]
    specs = yaml.safe_load((ROOT / "roles/host/meta/argument_specs.yml").read_text(encoding="utf-8"))
    for name, spec in specs["argument_specs"]["main"]["options"].items():
        rows.append([f"``{name}``", _default(spec), _rst(_sentence(spec), f"{ROLE}#role:main", {})])
    return list_table("32 16 52", rows)


def _named(playbooks: t.Sequence[str]) -> str:
    """Those that have a variable, or those that have not, whichever are fewer."""
    others = [name for name in PLAYBOOKS if name not in playbooks]
    if not others:
        return "all"
    if len(others) < len(playbooks):
        return f"all but {', '.join(others)}"
    return ", ".join(playbooks)


def _told(option: Option, passed: t.Mapping[str, Option]) -> list[str]:
    """The option, its default, and the first sentence about it, in which options are the playbook's variables."""
    spec = _options(option.module)[option.name]
    like = re.fullmatch(r"As O\(kvm\.hostdev\.(\w+)#module:(\w+)\)\.", _sentence(spec))
    sentence = _sentence(_options(like[1])[like[2]] if like else spec)
    variables = {given.name: variable for variable, given in passed.items() if given.module == option.module}
    what = _rst(sentence, f"kvm.hostdev.{option.module}#module", variables)
    return [f":ansopt:`kvm.hostdev.{option.module}#module:{option.name}`", _default(spec), what]


def _is_shared(option: Option) -> bool:
    """Whether it is one that several modules have alike."""
    fragment = _constants("plugins/doc_fragments/_host.py", "DOCUMENTATION", "RECORDING", "CHANGE")
    return any(option.name in yaml.safe_load(text)["options"] for text in fragment.values())


def _options(module: str) -> dict[str, dict[str, t.Any]]:
    """The documented options of a module, with those of its fragments."""
    own = _constants(f"plugins/modules/{module}.py", "DOCUMENTATION")["DOCUMENTATION"]
    texts = [own, *_constants("plugins/doc_fragments/_host.py", "DOCUMENTATION", "RECORDING", "CHANGE").values()]
    return {name: spec for text in reversed(texts) for name, spec in yaml.safe_load(text)["options"].items()}


def _constants(file: str, *names: str) -> dict[str, str]:
    """Texts that a file assigns to names, at its top or in a class."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return {
        target.id: ast.literal_eval(node.value)
        for node in assigned
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in names
    }


def _sentence(spec: t.Mapping[str, t.Any]) -> str:
    text = spec["description"] if isinstance(spec["description"], str) else spec["description"][0]
    return re.split(r"(?<=\.) (?=[A-Z])", text)[0]


def _default(spec: t.Mapping[str, t.Any]) -> str:
    if spec.get("required"):
        return "required"
    default = spec.get("default")
    if default is None:
        return "none"
    return f"``{yaml.safe_dump(default, default_flow_style=True).removesuffix('...' + chr(10)).strip()}``"


def _rst(text: str, of: str, variables: t.Mapping[str, str]) -> str:
    """Ansible's markup as that of reStructuredText; `of` is what options without a place belong to."""

    def role(match: re.Match[str]) -> str:
        kind, content = match[1], match[2]
        name, _equals, value = content.partition("=")
        if kind == "O" and name in variables:
            return f"``{variables[name]}{f': {value}' if value else ''}``"
        if kind in ("O", "RV"):
            place = content if "#" in content else f"{of}:{content}"
            return f":{'ansopt' if kind == 'O' else 'ansretval'}:`{place}`"
        if kind == "M":
            return f":ansplugin:`{content}#module`"
        if kind == "R":
            title, _comma, label = content.partition(",")
            return f":ref:`{title} <{label.strip()}>`"
        return f"``{content}``"

    return _MARKUP.sub(role, text)
