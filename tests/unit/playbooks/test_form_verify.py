# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the form "verify" says of hosts that have the devices, have none, or can't be read."""

from __future__ import annotations

import json
import typing as t

import pytest

from ..helpers import played

NOBODY_HAS_IT = "web1 has no device by the request device on"


def device(address: str, request: str | None = "device", attach: t.Sequence[str] = ("config", "live")) -> dict:
    identity = {"vendor_id": "10de", "product_id": "20b5"}
    return {"address": address, "request": request, "attach": list(attach), "identity": identity}


def facts(*devices: dict, domain: str = "web1", **labels: str) -> dict:
    claim = {"owner": {"kind": "domain", "label": domain}, "devices": list(devices), "labels": labels}
    claims = [claim] if devices else []
    return {"ansible_facts": {"hostdev": {"claims": claims, "drift": []}}}


NOTHING, CANT_BE_READ = facts(), {"failed": True, "msg": "libvirt: no answer"}
GPU, OTHER, GROUP = device("0000:01:00.0"), device("0000:02:00.0", "other"), device("0000:01:00.1", None, ())
LATER = device("0000:03:00.0", "later", ["config"])
UNREACHABLE = {"unreachable": True, "msg": "no way there"}


@pytest.fixture
def verify(tmp_path, monkeypatch):
    monkeypatch.setenv("HOSTDEV_TENANT", "*")

    def verified(
        hosts: t.Mapping[str, t.Any], *options: str, sees: int = 0, reader: t.Sequence[str] = ()
    ) -> played.Run:
        if sees:
            reader = ["printf", "0000:05:00.0 10de:20b5\\n" * sees + "%.0s"]
        asks = {"hostdev_guest_reader": reader} if reader else {}
        told = {name: {"answers": {"pci_facts": answer}, **asks} for name, answer in hosts.items()}
        played.lay_out(tmp_path, ["pci_facts"], told)
        playbook = tmp_path / "ansible_collections/kvm/hostdev/playbooks/form_verify.yml"
        text = playbook.read_text(encoding="utf-8")
        assert text.count("delay: 3") == 1
        playbook.write_text(text.replace("delay: 3", "delay: 0"), encoding="utf-8")
        play = [{"ansible.builtin.import_playbook": "kvm.hostdev.form_verify"}]
        return played.run(tmp_path, play, ["-e", "form_domain=web1", *options])

    return verified


def said(run: played.Run) -> str:
    return "\n".join(run.lines)


@pytest.mark.parametrize(
    ("options", "sees", "end"), [((), 0, "was not asked"), (("--check",), 1, "the kernel of the guest sees them")]
)
def test_it_tells_of_the_host_that_has_it(verify, options, sees, end):
    run = verify({"kvm1": NOTHING, "kvm2": facts(GPU, GROUP), "kvm3": facts(GPU, domain="db1")}, *options, sees=sees)
    assert run.code == 0, said(run)
    (line,) = run.shown
    assert line.startswith("ok: [kvm2] => (item=web1 has 0000:01:00.0; ")
    assert end in line
    assert run.calls == {"pci_facts kvm1", "pci_facts kvm2", "pci_facts kvm3"}


def test_what_nobody_has_is_told_once_by_a_host_that_was_asked(verify):
    run = verify({"kvm0": CANT_BE_READ, "kvm1": NOTHING, "kvm2": NOTHING}, "-e", "form_host=kvm1")
    assert (run.code, run.calls) == (2, {"pci_facts kvm1"})
    assert said(run).count(f'"msg": "{NOBODY_HAS_IT} kvm1;') == 1
    assert said(run).count("fatal: [") == said(run).count("fatal: [kvm1]") == 1


@pytest.mark.parametrize(("answer", "asked"), [(CANT_BE_READ, ()), (UNREACHABLE, ("-e", "form_host=kvm1"))])
def test_a_host_that_cannot_be_read_may_have_it(verify, answer, asked):
    run = verify({"kvm1": answer, "kvm2": NOTHING}, *asked)
    assert run.code in (2, 4)
    assert NOBODY_HAS_IT not in said(run)
    assert answer is UNREACHABLE or answer["msg"] in said(run)


def test_devices_of_other_requests_are_no_stand_in(verify):
    """The guest sees one of two."""
    run = verify({"kvm1": facts(GPU, OTHER, LATER)}, sees=1)
    assert run.code == 2
    assert "the kernel of web1 sees 1 of 2 10de:20b5; look at its log" in said(run)


@pytest.mark.parametrize("reader", [["sh", "-c", "echo no such guest >&2; exit 3"], ["/nothing/here"]])
def test_a_reader_that_fails_is_told(verify, reader):
    run = verify({"kvm1": facts(GPU)}, reader=reader)
    assert run.code == 2
    assert '"msg": "hostdev_guest_reader: ' in said(run)
    assert "no such guest" in said(run) or "/nothing/here" in said(run)
    assert "look at its log" not in said(run)


def test_the_guest_sees_what_is_attached_to_it(verify):
    run = verify({"kvm1": facts(GPU, OTHER, LATER)}, sees=2)
    assert (run.code, len(run.shown)) == (0, 1)


@pytest.mark.parametrize(
    ("answers", "shown", "told"),
    [
        ((), ["ok: [kvm2] => (item=web1 has 0000:01:00.0"], ""),
        (("form_host=kvm1", "form_request=other"), [], "web1 has no device by the request other on kvm1"),
        (("form_request=later",), [], "web1 has no device by the request later on kvm1, kvm2, kvm3"),
    ],
    ids=["its own", "another tenant's", "nobody's"],
)
def test_a_tenant_is_told_of_its_own_claims(verify, monkeypatch, answers, shown, told):
    """A domain may be in the lists of two tenants."""
    monkeypatch.setenv("HOSTDEV_TENANT", "blue")
    monkeypatch.setenv("HOSTDEV_TENANT_MAY", json.dumps({"domains": ["web1"], "hosts": ["kvm1", "kvm2", "kvm3"]}))
    hosts = {"kvm1": facts(OTHER, tenant="red"), "kvm2": facts(GPU, tenant="blue"), "kvm3": facts(LATER)}
    run = verify(hosts, *(word for answer in answers for word in ("-e", answer)))
    assert [line.partition("; ")[0] for line in run.shown] == shown
    assert told in said(run)
    assert OTHER["address"] not in said(run)
    assert LATER["address"] not in said(run)
