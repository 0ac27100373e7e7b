# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that brings devices back when the host is started anew: what its units and libvirt's hook start.

It runs with the host's own Python, long before there is a network, and knows no Ansible. Each part is imported where
it is started: the hook is waited for by each domain that starts.
"""

from __future__ import annotations

import sys
import typing as t

FACTS = "/etc/ansible/facts.d"


def main(words: t.Sequence[str]) -> int:
    """Do `boot`, `domains` or `hook DOMAIN OPERATION SUB-OPERATION EXTRA`; returns the exit status."""
    facts = FACTS
    if words[:1] == ["--facts"]:
        facts, words = words[1], words[2:]
    if words[:1] == ["boot"]:
        from .boot import boot

        return boot(facts)
    if words[:1] == ["domains"]:
        from .domains import domains

        return domains(facts)
    if words[:1] == ["hook"]:
        from .hook import hook

        return hook(facts, words[1:], sys.stdin.read())
    sys.stderr.write("kvm.hostdev: one of boot, domains, hook is to be said\n")
    return 2
