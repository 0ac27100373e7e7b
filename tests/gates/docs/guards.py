# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guide and module say of blocker codes, made from the table of guards."""

from __future__ import annotations

import importlib.util
import re
import sys
import typing as t

from .filling import ROOT, filled, list_table, wrapped

TABLE = "plugins/module_utils/_model/guards/registry.py"
CLAIM = "plugins/modules/pci_passthrough_claim.py"
GUIDE = "docs/docsite/rst/guide_troubleshooting.rst"

Markup = t.Callable[[str], str]


def wanted() -> dict[str, str]:
    """Each file as it should be."""
    guards = list(_table().GUARDS.values())
    options = set(re.findall(r"^  (\w+):\n    description:", (ROOT / CLAIM).read_text(encoding="utf-8"), re.MULTILINE))
    rst, yaml = _rst(options), _yaml(options)
    blockers = [
        [
            f"``{guard.code}``",
            _sentence(guard.meaning, rst),
            _marked(guard.see, rst),
            _sentence(guard.remedy, rst),
            _allowed(guard, rst),
        ]
        for guard in guards
    ]
    allow = [
        f"V({guard.code}){f' {guard.note}' if guard.note else ''} - {_marked(guard.meaning, yaml)}."
        for guard in sorted(guards)
        if guard.allowable == "allow"
    ]
    header = ["Code", "What it means", "See it with", "What to do", "``allow``"]
    guide, claim = ((ROOT / file).read_text(encoding="utf-8") for file in (GUIDE, CLAIM))
    entries = "".join(wrapped(text, "      - ", "        ") for text in allow)
    return {
        GUIDE: filled(guide, GUIDE, "guards", TABLE, list_table("14 26 22 28 10", [header, *blockers])),
        CLAIM: filled(claim, CLAIM, "guards", TABLE, entries, comment="      # "),
    }


def _table() -> t.Any:
    spec = importlib.util.spec_from_file_location("registry", ROOT / TABLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _sentence(text: str, markup: Markup) -> str:
    text = _marked(text, markup)
    return f"{text[0].upper()}{text[1:]}."


def _marked(text: str, markup: Markup) -> str:
    return re.sub("`([^`]+)`", lambda match: markup(match[1]), text.replace("{address}", "ADDRESS"))


def _allowed(guard: t.Any, rst: Markup) -> str:
    """Whether the option `allow` accepts the code."""
    may = "yes" if guard.allowable == "allow" else "no"
    return may + (f", {_marked(guard.note, rst)}" if guard.note else "")


def _rst(options: set[str]) -> Markup:
    def mark(text: str) -> str:
        if text in options:
            return f":ansopt:`kvm.hostdev.pci_passthrough_claim#module:{text}`"
        return f":ansplugin:`{text}#module`" if text.startswith("kvm.hostdev.") else f"``{text}``"

    return mark


def _yaml(options: set[str]) -> Markup:
    return lambda text: f"O({text})" if text in options else f"C({text})"
