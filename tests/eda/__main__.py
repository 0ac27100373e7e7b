# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.eda: hosts post to a real rulebook, which reconciles them, and another one reads cached facts."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import yaml
from ansible_rulebook.validators import Validate
from jsonschema import ValidationError

from .certificate import certificate
from .hosts import GROUP, HOSTS, Hosts, as_older_core, simulated
from .rulebook import Rulebook, free_port

_TOKEN = "gP0n-of-the-tests"
_DRIFTED, _OTHER = HOSTS


def main() -> int:
    """Return 1 when something was wrong."""
    begun = time.monotonic()
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="kvm.hostdev-eda-", ignore_cleanup_errors=True))
        folder = Path(place)
        hosts = stack.enter_context(simulated(folder))
        pem, key = certificate(folder, "server")
        port = free_port()
        posted = {
            "hostdev_events_listen": "127.0.0.1",
            "hostdev_events_port": port,
            "hostdev_events_token": _TOKEN,
            "hostdev_events_certificate": str(pem),
            "hostdev_events_key": str(key),
            "hostdev_events_reconcile": True,
            "hostdev_events_playbook": "kvm.hostdev.reconcile",
        }
        webhook = stack.enter_context(_start("kvm.hostdev.drift", folder, hosts, posted))
        hosts.claim()
        for host in HOSTS:
            hosts.take_driver(host)
        hosts.play("kvm.hostdev.report")
        past = {"gathered": ('"gathered_at": "20', '"gathered_at": "19')}
        as_older_core(hosts.cache, _OTHER, past)
        cached = {
            "hostdev_events_cache": str(hosts.cache),
            "hostdev_events_every": 2,
            "hostdev_events_silent_after": 3600,
            "hostdev_events_reconcile": False,
            "hostdev_events_playbook": "kvm.hostdev.reconcile",
        }
        reader = stack.enter_context(_start("kvm.hostdev.drift_cached_facts", folder, hosts, cached))
        webhook.wait_for_port(port)
        wrong = _posted(hosts, webhook, f"https://127.0.0.1:{port}/endpoint", pem)
        wrong += _cached(reader)
    wrong += _of_another_form()
    for fault in wrong:
        print(f"WRONG: {fault}")
    print(f"states posted and cached were reconciled and told in {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


def _start(name: str, folder: Path, hosts: Hosts, variables: dict[str, object]) -> Rulebook:
    return Rulebook(name, folder, hosts.inventory, hosts.environment, variables)


def _posted(hosts: Hosts, rulebook: Rulebook, url: str, pem: Path) -> list[str]:
    wrong = []
    stranger, _key = certificate(pem.parent, "stranger")
    for token, authority, words in (
        ("another-token", pem, "the answer 401"),
        (_TOKEN, stranger, "its certificate is not accepted"),
    ):
        refused = hosts.post(_DRIFTED, url, token, authority)
        if refused.returncode != 1 or words not in refused.stderr or token in refused.stderr:
            wrong.append(f"posted with {token} by {authority}: {refused.stderr}")
    if hosts.driver(_DRIFTED) is not None:
        wrong.append(f"{_DRIFTED.name} was reconciled by a message with a wrong token")
    # Would be every host's reconciliation: the other one's, too.
    for several in ("all", GROUP):
        hosts.post(_DRIFTED, url, _TOKEN, pem, several)
    rulebook.wait_for(f"the limit {GROUP} is not the name of")
    for words in ("action.run_playbook - ERROR", "unreachable="):  # which tells all that the playbook said once more
        rulebook.wait_for(words)
        rulebook.said.clear()
    posted = hosts.post(_DRIFTED, url, _TOKEN, pem)
    if posted.returncode or posted.stderr:
        wrong.append(f"not posted: {posted.stderr}")
    rulebook.wait_for("PLAY RECAP")
    recap = rulebook.wait_for("unreachable=")
    if _DRIFTED.name not in recap or "failed=0" not in recap:
        wrong.append(recap)
    drivers = {host.name: hosts.driver(host) for host in HOSTS}
    if drivers != {_DRIFTED.name: "vfio-pci", _OTHER.name: None}:
        wrong.append(f"reconciled is not just {_DRIFTED.name}: {drivers}")
    return wrong


def _cached(rulebook: Rulebook) -> list[str]:
    """The hosts' facts are of two forms, and those of the second one are old."""
    rulebook.wait_for(f"{_DRIFTED.name} differs from its record: driver")
    rulebook.wait_for(f"{_OTHER.name} is silent since 19")
    if any(f"{_OTHER.name} differs" in line for line in rulebook.said):
        return [f"{_OTHER.name} is silent, and is told to differ"]
    return []


def _of_another_form() -> list[str]:
    """What ansible-rulebook's own schema finds wrong with rulebooks, also with the one for AWX, which is not run."""
    wrong = []
    books = sorted((Path(__file__).parents[2] / "extensions/eda/rulebooks").glob("*.yml"))
    for book in books:
        try:
            Validate.rulebook(yaml.safe_load(book.read_text()))
        except ValidationError as error:
            wrong.append(f"{book.name}: {error.message}")
    return wrong if len(books) == 3 else [f"rulebooks: {[book.name for book in books]}"]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    sys.exit(main())
