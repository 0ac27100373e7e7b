# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.awx: the job templates of kvm.hostdev, run as AWX runs them, in one execution environment's packages.

The collection comes from its tarball, whose folder is in the environment variable KVM_HOSTDEV_TARBALL.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from .rules import Template
from .site import site


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-awx-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        collections = Path(os.environ["KVM_HOSTDEV_INSTALLED"])
        project = collections / "ansible_collections/kvm/hostdev"
        with site(place, project, collections) as there:
            job = there.controller.run(Template("facts", "playbooks/facts.yml"), {})
            print(job.rc, job.output, {h: list(f) for h, f in there.controller.facts.items()})
            claim = Template("claim", "playbooks/form_claim.yml", credential={"HOSTDEV_TENANT": "*"})
            job = there.controller.run(claim, {"form_domain": "web1", "form_device": "gpu", "form_host": "kvm001"})
            print(job.rc, job.output)
            print(there.definition("kvm001", "web1"), there.breaches())
    return 0


if __name__ == "__main__":
    sys.exit(main())
