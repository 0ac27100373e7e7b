# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX decides about a job: its variables, its command line, which facts it keeps. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Variables = Mapping[str, Any]


class RefusedError(Exception):
    """What AWX answers with 400."""


@dataclass(frozen=True)
class Template:
    """A job template: what an administrator has set, and what only the survey may add (`survey`, its questions)."""

    name: str
    playbook: str
    survey: Sequence[Variables] = ()
    extra_vars: Variables = field(default_factory=dict)
    credential: Mapping[str, str] = field(default_factory=dict)
    """What its credential puts into the environment."""
    credential_vars: Variables = field(default_factory=dict)
    """What a credential of another type gives as extra variables."""
    limit: str = ""
    tags: str = ""
    skip_tags: str = ""
    start_at: str = ""
    fact_cache: bool = True


def launch_variables(template: Template, answers: Variables) -> dict[str, Any]:
    """The extra variables of a job that somebody launches: template < defaults < answers; unknown ones are ignored.

    Raises RefusedError for an answer that the survey does not take.
    """
    asked = {str(question["variable"]): question for question in template.survey}
    for name, question in asked.items():
        if name in answers:
            _check(question, answers[name])
    defaults = {name: question["default"] for name, question in asked.items() if question.get("default") != ""}
    return {**template.extra_vars, **defaults, **{name: answers[name] for name in answers if name in asked}}


def node_variables(
    template: Template, extra_data: Variables, artifacts: Variables, workflow: Variables
) -> dict[str, Any]:
    """As launched with the node's own data, then artifacts, then what the workflow says, neither held by a survey."""
    return {**launch_variables(template, extra_data), **artifacts, **workflow}


def _check(question: Variables, answer: Any) -> None:
    kind, name = question["type"], question["variable"]
    if kind == "integer":
        low, high = question.get("min"), question.get("max")
        if not isinstance(answer, int) or (low is not None and answer < low) or (high is not None and answer > high):
            raise RefusedError(f"{name}: {answer!r} is no integer in its bounds")
    elif not isinstance(answer, str):
        raise RefusedError(f"{name}: {answer!r} is no text")
    elif kind == "multiplechoice" and answer not in question["choices"]:
        raise RefusedError(f"{name}: {answer!r} is no choice")


class _Dumper(yaml.SafeDumper):
    """Every text is tagged as one that is no template."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


def extravars(variables: Variables, of_template: Variables) -> str:
    """The text of env/extravars. What the template itself says may be a template, at the top level and unchanged."""
    texts = []
    for name, value in variables.items():
        trusted = name in of_template and of_template[name] == value
        dumper = yaml.SafeDumper if trusted else _Dumper
        texts.append(yaml.dump({name: value}, Dumper=dumper, default_flow_style=False))
    return "".join(texts)


def command_line(template: Template, files: Sequence[str]) -> str:
    """The text of env/cmdline; `files` hold extra variables of credentials. env/extravars comes after all of it."""
    words = ["-u", "root"]
    words += ["-l", json.dumps(template.limit)] if template.limit else []
    words += ["-t", json.dumps(template.tags)] if template.tags else []
    words += [f"--skip-tags={template.skip_tags}"] if template.skip_tags else []
    words += [f"--start-at-task={json.dumps(template.start_at)}"] if template.start_at else []
    for file in files:
        words += ["-e", f"@{file}"]
    return " ".join(words)


@dataclass(frozen=True)
class CacheFile:
    """A file of the fact cache as it is after a job: its text, and when it was written."""

    text: str
    written: float


def facts_after(before: Mapping[str, Any], files: Mapping[str, CacheFile], written: float) -> dict[str, Any]:
    """The facts of each host that AWX keeps: a file newer than `written`, when the last one was put there, replaces a
    host's facts whole; one that can't be read is ignored; where a file is gone the facts are.
    """
    after = {host: facts for host, facts in before.items() if host in files}
    for host, file in files.items():
        if file.written <= written:
            continue
        try:
            after[host] = json.loads(file.text)
        except ValueError:
            continue
    return after
