# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every code block that people read is in a known language, can be read in it, and its commands can be typed."""

from __future__ import annotations

import ast
import configparser
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.tests.unit.helpers.blocks import LANGUAGES, PAGES, blocks, blocks_of, faults
from ansible_collections.kvm.hostdev.tests.unit.helpers.commands import commands, fault

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = blocks(ROOT)
WITHIN = re.compile(r"`((?:ansible-\w+ |\./run )[^`]+)`")


def read_ini(text: str) -> None:
    configparser.ConfigParser(allow_no_value=True, interpolation=None, strict=False).read_string(text)


READERS = {
    "ini": read_ini,
    "json": json.loads,
    "python": ast.parse,
    "xml": lambda text: ElementTree.fromstring(f"<all>{text}</all>"),
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
        except (ValueError, SyntaxError, ElementTree.ParseError, configparser.Error, yaml.YAMLError) as error:
            wrong.append(f"{block.place}: {error}")
    assert wrong == []


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
