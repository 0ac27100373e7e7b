# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.awx.workflow SETTINGS: the workflow of a form on hosts that are there, a line of JSON for each node.

SETTINGS is a file of JSON: `folder` for the jobs, `collections` as of the execution environment, `hosts` with their
variables, `answers` of the form. An approval waits for a person between place and claim: here nothing waits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .controller import Controller, hosts_inventory
from .rules import node_variables
from .templates import ADMINISTRATOR, FACTS, template

NODES = ("facts", "place", "claim", "verify", "claim", "release")


def main(settings: str) -> int:
    told = json.loads(Path(settings).read_text())
    collections = Path(told["collections"])
    project = collections / "ansible_collections/kvm/hostdev"
    controller = Controller(Path(told["folder"]), project, collections, hosts_inventory(told["hosts"], {}))
    artifacts: dict[str, Any] = {}
    for node in NODES:
        of = FACTS if node == "facts" else template(node, ADMINISTRATOR)
        job = controller.run(of, {} if of is FACTS else node_variables(of, {}, artifacts, told["answers"]))
        artifacts.update(job.artifacts)
        results = {task: result for task, _host, _state, result in job.tasks}
        said = {"node": node, "rc": job.rc, "failures": job.failures, "artifacts": dict(artifacts)}
        changed = [task for task, result in results.items() if result.get("changed")]
        print(json.dumps({**said, "changed": changed, "output": job.output}), flush=True)
        if job.rc:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
