# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job templates of the tests: playbooks of the collection, each with its survey and credential."""

from __future__ import annotations

import json
from typing import Any

from .rules import Template

ADMINISTRATOR = {"HOSTDEV_TENANT": "*"}
BLUE = {
    "HOSTDEV_TENANT": "blue",
    "HOSTDEV_TENANT_MAY": json.dumps({"domains": ["web1"], "hosts": ["kvm001"], "devices": ["gpu"]}),
}
"""A tenant with one domain, which is on a host that is the tenant's and on one that is not."""


def question(variable: str, kind: str = "text", default: Any = "", **more: Any) -> dict[str, Any]:
    return {"variable": variable, "type": kind, "default": default, "required": True, **more}


# Text where a real survey has choices: what no choice would let through is to reach the playbook.
_ASKED = (
    question("form_domain"),
    question("form_device"),
    question("form_count", "integer", 1, min=1, max=16),
    question("form_host", default="any"),
    question("form_request", default="device"),
)
FACTS = Template("Hostdev facts", "playbooks/facts.yml")


def template(purpose: str, credential: dict[str, str], **more: Any) -> Template:
    """That of a form, by its purpose: place, claim, release or verify."""
    name = f"Hostdev {purpose}"
    return Template(name, f"playbooks/form_{purpose}.yml", survey=_ASKED, credential=credential, **more)
