# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that brings devices back when the host is started anew, and posts its state: what units and libvirt's
hook start.

It runs with the host's own Python, long before there is a network, and knows no Ansible. Each part is imported where
it is started: the hook is waited for by each domain that starts.
"""

from __future__ import annotations

import sys
import typing as t

FACTS = "/etc/ansible/facts.d"


def main(words: t.Sequence[str]) -> int:
    """Do `boot`, `domains`, `events` or `hook DOMAIN OPERATION SUB-OPERATION EXTRA`; returns the exit status."""
    if words[:1] == ["boot"]:
        from .boot import boot

        return boot(FACTS)
    if words[:1] == ["domains"]:
        from .domains import domains

        return domains(FACTS)
    if words[:1] == ["hook"]:
        from .hook import hook

        return hook(FACTS, words[1:], sys.stdin.read())
    if words[:1] == ["events"]:
        from ..events.post import post

        return post(FACTS)
    sys.stderr.write("kvm.hostdev: one of boot, domains, hook, events is to be said\n")
    return 2
