# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every code block that people read is in a known language, can be read in it, and its commands can be typed."""

from __future__ import annotations

import ast
import configparser
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import jinja2
import jinja2.nodes
import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.plugin_utils.variables import PREFIX, TOLD
from ansible_collections.kvm.hostdev.tests.unit.helpers.blocks import LANGUAGES, PAGES, blocks, blocks_of, faults
from ansible_collections.kvm.hostdev.tests.unit.helpers.commands import commands, fault

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = blocks(ROOT)
EXPRESSIONS = ("when", "failed_when", "changed_when", "that")
WITHIN = re.compile(r"`((?:ansible-\w+ |\./run )[^`]+)`")


def read_ini(text: str) -> None:
    configparser.ConfigParser(allow_no_value=True, interpolation=None, strict=False).read_string(text)


READERS = {
    "ini": read_ini,
    "json": json.loads,
    "python": ast.parse,
    "xml": lambda text: ET.fromstring(f"<all>{text}</all>"),
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "yaml+jinja": lambda text: list(yaml.safe_load_all(text)),
}


def test_every_block_has_a_language_that_is_known():
    assert faults(ROOT) == []
    assert len({block.page for block in BLOCKS}) > 20


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a.rst", "Type::\n\n   ls\n"),
        ("a.rst", ".. code-block::\n\n   ls\n"),
        ("a.rst", ".. code-block:: bash\n\n   ls\n"),
        ("a.md", "```\nls\n```\n"),
    ],
)
def test_a_block_without_such_a_language_is_found(page, text):
    (block,) = blocks_of(page, text)
    assert block.language not in LANGUAGES
    assert block.text == "ls\n"


@pytest.mark.parametrize("language", READERS)
def test_what_a_block_says_can_be_read_in_its_language(language):
    wrong = []
    for block in [block for block in BLOCKS if block.language == language]:
        try:
            READERS[language](block.text)
        except (ValueError, SyntaxError, ET.ParseError, configparser.Error, yaml.YAMLError) as error:
            wrong.append(f"{block.place}: {error}")
    assert wrong == []


def templates(part):
    """The texts in a document of YAML that are templates, or expressions by the key that they stand at."""
    if isinstance(part, list):
        for one in part:
            yield from templates(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in EXPRESSIONS and isinstance(value, str):
                yield "{{ " + value + " }}"
            yield from templates(value)
    elif isinstance(part, str) and "{{" in part:
        yield part


def fault_of_template(text):
    try:
        parsed = jinja2.Environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        return f"{text}: {error}"
    names = [node.name for node in parsed.find_all((jinja2.nodes.Filter, jinja2.nodes.Test))]
    known = {path.stem for kind in ("filter", "test") for path in (ROOT / "plugins" / kind).glob("*.py")}
    ours = [name.removeprefix("kvm.hostdev.") for name in names if name.startswith("kvm.hostdev.")]
    return "".join(f"there is no {name}" for name in ours if name not in known)


def test_every_template_can_be_read_and_names_filters_and_tests_that_there_are():
    wrong, seen = [], 0
    for block in [block for block in BLOCKS if block.language.startswith("yaml")]:
        for text in templates(list(yaml.safe_load_all(block.text))):
            seen += 1
            said = fault_of_template(text)
            wrong += [f"{block.place}: {said}"] if said else []
    assert wrong == []
    assert seen > 50


@pytest.mark.parametrize(
    "text", ["{{ a | map( }}", "{{ a | kvm.hostdev.pci_fre }}", "{{ a is kvm.hostdev.pci_free_ }}"]
)
def test_a_template_that_fails_is_found(text):
    assert fault_of_template(text)


def names_set(part):
    """What a document of YAML gives a value to: each key, and each name of a result."""
    if isinstance(part, list):
        for one in part:
            yield from names_set(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            yield value if key in ("register", "loop_var") else key
            yield from names_set(value)


def refused(text):
    """Names that the collection's playbooks refuse as misspelt wherever a host has them; a group may have any name."""
    documents = [
        {key: value for key, value in document.items() if key != "groups"} if isinstance(document, dict) else document
        for document in yaml.safe_load_all(text)
    ]
    return sorted({name for name in map(str, names_set(documents)) if name.startswith(PREFIX)} - TOLD)


def test_no_block_gives_a_host_a_variable_that_the_playbooks_refuse():
    shown = [block for block in BLOCKS if block.language.startswith("yaml")]
    assert [f"{block.place}: {name}" for block in shown for name in refused(block.text)] == []


def test_a_name_that_they_refuse_is_found():
    assert refused("compose: {hostdev_free: []}\ngroups: {hostdev_new: true}") == ["hostdev_free"]
    assert refused("- debug: {}\n  register: hostdev_result\n  vars: {hostdev_domain: web1}") == ["hostdev_result"]


def test_every_command_can_be_typed():
    wrong, typed = [], 0
    for block in [block for block in BLOCKS if block.language in ("console", "sh")]:
        page = (ROOT / block.page).read_text(encoding="utf-8")
        found = commands(block.language, block.text)
        typed += len(found)
        wrong += [] if found else [f"{block.place}: no command in it"]
        wrong += [f"{block.place}: {said}" for said in (fault(words, page) for words in found) if said]
    assert wrong == []
    assert typed > 50


def test_every_command_within_a_sentence_can_be_typed():
    wrong, typed = [], 0
    for path in [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]:
        page = path.read_text(encoding="utf-8")
        for literal in [" ".join(found.split()) for found in WITHIN.findall(page)]:
            typed += 1
            found = [fault(words, page) for words in commands("sh", literal)]
            wrong += [f"{path.name}: {literal}: {said}" for said in found if said]
    assert wrong == []
    assert typed > 50


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("./run nosuch", "no session nosuch"),
        ("ansible-playbok site.yml", "no program"),
        ("ansible-playbook --chek site.yml", "unrecognized arguments: --chek"),
        ("ansible-playbook kvm.hostdev.nosuch", "no playbook kvm.hostdev.nosuch"),
        ("ansible-playbook kvm.hostdev.claim -e hostdev_domian=web1", "hostdev_domian"),
        ("ansible-playbook kvm.hostdev.claim -e '{hostdev_request: []}'", "hostdev_request"),
        ("ansible-playbook other.yml", "told of nowhere else"),
        ("ls | jk .", "jk is no program"),
        ("ansible-galaxy collection install kvm.hostdevs", "kvm.hostdevs is no tarball"),
        ("ansible-galaxy collection instal kvm.hostdev", "instal"),
        ("ansible-galaxy collection install dist/kvm-hostdev-0.0.9.tar.gz", "is no tarball"),
        ("python3 -m tests.nosuch", "there is no tests.nosuch"),
    ],
)
def test_a_command_that_cannot_be_typed_is_found(command, said):
    assert said in "".join(fault(words) for words in commands("sh", command))


def test_commands_are_told_from_what_they_print():
    printed = "guest$ lspci -nn\n05:00.0 Ethernet controller\n# rm \\\n    a b # both\n"
    assert commands("console", printed) == [["lspci", "-nn"], ["rm", "a", "b"]]
