# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import shutil
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.tests.awx.registering.site import COLLECTION
from ansible_collections.kvm.hostdev.tests.gates.docs.pattern import PATTERN, faults

FOLDER = (COLLECTION / PATTERN).parents[1]


Change = t.Callable[[t.Any], t.Any]


def template(pattern: t.Any) -> t.Any:
    return pattern["aap_resources"]["controller_job_templates"][0]


@pytest.fixture
def spoilt(tmp_path: Path) -> t.Callable[[Change], list[str]]:
    """The pattern's faults after something was done to it."""

    def after(change: Change) -> list[str]:
        folder = tmp_path / FOLDER.name
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        pattern = json.loads((folder / "meta/pattern.json").read_text(encoding="utf-8"))
        change(pattern)
        (folder / "meta/pattern.json").write_text(json.dumps(pattern), encoding="utf-8")
        return faults(folder)

    return after


def test_the_pattern_is_as_the_schema_wants_it() -> None:
    assert faults(FOLDER) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda pattern: pattern.pop("short_description"), "short_description is missing"),
        (lambda pattern: pattern.update(name="other"), "name other is not the folder's"),
        (lambda pattern: pattern.update(short_description="It claims."), "ends with a full stop"),
        (lambda pattern: pattern["aap_resources"].pop("controller_labels"), "controller_labels has no kvm-hostdev"),
        (lambda pattern: template(pattern).pop("primary"), "one template must be primary"),
        (lambda pattern: template(pattern).update(playbook="other.yml"), "templates have other playbooks"),
        (lambda pattern: template(pattern)["survey"]["spec"][2].update(default=1), "form_count: default is no text"),
        (lambda pattern: template(pattern)["survey"]["spec"][0].update(type="multiplechoice"), "choices is no list"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_named(
    spoilt: t.Callable[[Change], list[str]], change: Change, told: str
) -> None:
    found = spoilt(change)
    assert len(found) == 1
    assert told in found[0]
