# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX's rules, as far as jobs here follow them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from .rules import (
    CacheFile,
    RefusedError,
    Template,
    command_line,
    extravars,
    facts_after,
    launch_variables,
    node_variables,
)

SURVEY = (
    {"variable": "form_domain", "type": "multiplechoice", "choices": ["web1", "db1"], "default": "web1"},
    {"variable": "form_count", "type": "integer", "min": 1, "max": 4, "default": 1},
    {"variable": "form_request", "type": "text", "default": ""},
)
TEMPLATE = Template("claim", "claim.yml", SURVEY, {"form_domain": "of_template", "site": "{{ 7 }}"})


def test_answers_go_before_defaults_and_those_before_the_template() -> None:
    assert launch_variables(TEMPLATE, {}) == {"form_domain": "web1", "site": "{{ 7 }}", "form_count": 1}
    assert launch_variables(TEMPLATE, {"form_domain": "db1"})["form_domain"] == "db1"


def test_what_the_survey_does_not_ask_is_ignored() -> None:
    assert "hostdev_allow" not in launch_variables(TEMPLATE, {"hostdev_allow": ["root_disk"]})


@pytest.mark.parametrize(
    "answers", [{"form_domain": "web"}, {"form_count": 5}, {"form_count": "1"}, {"form_request": ["a"]}]
)
def test_an_answer_that_is_none_starts_no_job(answers: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        launch_variables(TEMPLATE, answers)


def test_artifacts_and_a_workflow_go_before_answers_and_by_the_survey() -> None:
    told = node_variables(TEMPLATE, {"form_domain": "db1", "x": 1}, {"form_domain": "a", "y": 1}, {"form_domain": "w"})
    assert told == {"form_domain": "w", "site": "{{ 7 }}", "form_count": 1, "y": 1}
    assert node_variables(TEMPLATE, {}, {"form_domain": "a"}, {})["form_domain"] == "a"


def test_texts_are_no_templates_but_the_templates_own() -> None:
    text = extravars({"site": "{{ 7 }}", "form": "{{ 7 }}", "deep": {"a": ["{{ 7 }}"]}}, TEMPLATE.extra_vars)
    assert text.splitlines()[:2] == ["site: '{{ 7 }}'", "!unsafe 'form': !unsafe '{{ 7 }}'"]
    assert text.count("!unsafe '{{ 7 }}'") == 2


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "ü", "'\"", "- x", "", "#", "{{ a }}"])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: str(node.value))
    assert yaml.load(extravars({"a": text, "b": 1}, {}), Loader) == {"a": text, "b": 1}


def test_variables_of_credentials_come_last_on_the_command_line() -> None:
    template = Template("x", "x.yml", limit="kvm1", tags="a", skip_tags="b", start_at="Claim it")
    words = command_line(template, ["/runner/env/tmp1"])
    assert words == '-u root -l "kvm1" -t "a" --skip-tags=b --start-at-task="Claim it" -e @/runner/env/tmp1'


def test_facts_after_a_job() -> None:
    before = {"same": {"a": 1}, "new": {"a": 1}, "broken": {"a": 1}, "gone": {"a": 1}, "elsewhere": {"a": 1}}
    files = {
        "same": CacheFile('{"a": 2}', 10.0),  # not newer
        "new": CacheFile('{"b": 2}', 10.5),
        "broken": CacheFile("{", 10.5),
        "first": CacheFile('{"c": 3}', 10.5),
        "elsewhere": CacheFile('{"a": 1}', 9.0),
    }
    assert facts_after(before, files, 10.0) == {
        "same": {"a": 1},
        "new": {"b": 2},
        "broken": {"a": 1},
        "first": {"c": 3},
        "elsewhere": {"a": 1},
    }
