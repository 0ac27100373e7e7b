# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX 24.6 runs them, by ansible-runner and without AWX.

Done as AWX does: the private data folder, the command line, the order in which variables go before each other, texts
that are never templates (`!unsafe`), the fact cache before and after a job, artifacts from node to node, the three
steps of ansible-runner (transmit, worker, process), the packages of an execution environment, and in it the collection
from its tarball. The rules are in `rules.py`, after awx/main/models/{unified_jobs,jobs,workflow}.py and
awx/main/tasks/{jobs,facts}.py.

Not done: podman or a pod around the worker, so that it sees the machine's files; Receptor; credentials' encryption; the
database with its limits and permissions; ssh-agent, vaults, callbacks and slices.
"""
