# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the job templates are for, from the facts to the release, and what is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .controller import Job
from .rules import Template, launch_variables, node_variables
from .site import KINDS, Site
from .templates import ADMINISTRATOR, BLUE, FACTS, template

_CLAIM = "Claim, bind and attach the devices"
_RELEASE = "Detach the devices and restore their drivers"
_ASKED = {"form_domain": "web1", "form_device": "gpu", "form_count": 2}
# Answers that are none, or none any more, with the word that must be in what is said about them.
_STALE = (
    ({"form_domain": "gone9", "form_host": "kvm001"}, "db1, web1"),
    ({"form_device": "10de:ffff@Gone", "form_host": "kvm001"}, "10de:20b2"),
    ({"form_device": "gone", "form_host": "kvm001"}, "hostdev_aliases"),
    ({"form_host": "kvm009"}, "kvm001, kvm002, kvm003"),
    ({"form_count": 15}, "not_enough_devices"),
)


def faults(there: Site) -> Iterator[str]:
    """What is wrong, a line for each."""
    yield from _gather(there)
    yield from _workflow(there)
    yield from _refused(there)
    yield from _limited(there)
    yield from _at_once(there)
    yield from _anothers(there)
    yield from _unreadable(there)
    yield from _json_text(there)


def launched(there: Site, of: Template, **answers: object) -> Job:
    return there.controller.run(of, launch_variables(of, answers))


def _gather(there: Site) -> Iterator[str]:
    there.controller.facts["kvm002"] = {"of_another_job": 1}
    job = there.controller.run(FACTS, {})
    kept = {host: sorted(facts) for host, facts in there.controller.facts.items()}
    if job.rc or kept != {**{host: ["hostdev"] for host in KINDS}, "kvm002": ["hostdev", "of_another_job"]}:
        yield f"facts: {job.rc} {job.failures}; kept {kept}"


def _workflow(there: Site) -> Iterator[str]:
    """A form's answers through the nodes, each with the artifacts of those before; then the same once more."""
    artifacts: dict[str, object] = {}
    changed = []
    for purpose in ("place", "claim", "verify", "claim", "release", "release"):
        node = template(purpose, ADMINISTRATOR)
        job = there.controller.run(node, node_variables(node, {}, artifacts, _ASKED))
        artifacts.update(job.artifacts)
        if job.rc:
            yield f"workflow, {purpose}: {job.failures or job.output}"
        # Who may look at a job sees the results of its tasks.
        if shown := [task for task, _host, _state, result in job.tasks if {"db1", "train1"} & _names(result)]:
            yield f"workflow, {purpose}: {', '.join(shown)} tell of other domains"
        did = [result["changed"] for _host, _state, result in [*job.of(_CLAIM), *job.of(_RELEASE)]]
        changed.append(any(did))
        if purpose == "claim" and there.definition("kvm001", "web1").count("<hostdev") != 2:
            yield "workflow, claim: web1 has no two devices in its definition"
        # Of hosts that have none of it nothing is told.
        told = re.findall("web1 has (.*?);", job.output)
        if purpose == "verify" and [len(devices.split(", ")) for devices in told] != [2]:
            yield f"workflow, verify: it tells that web1 has {told}"
    if artifacts.get("form_placed_host") != "kvm001":
        yield f"workflow: handed on {artifacts}"
    if changed != [False, True, False, False, True, False]:
        yield f"workflow: what its nodes changed is {changed}"
    if "<hostdev" in there.definition("kvm001", "web1"):
        yield "workflow, release: web1 has a device still"
    verify = launched(there, template("verify", ADMINISTRATOR), form_domain="web1", form_device="gpu")
    if not verify.rc or not any("has no device by the request device" in failure for failure in verify.failures):
        yield f"verify after release: {verify.rc} {verify.failures}"


def _names(result: object) -> set[str]:
    return set(re.findall(r"\w+", str(result)))


def _refused(there: Site) -> Iterator[str]:
    before = there.state()
    with ThreadPoolExecutor(2) as pool:
        of = template("claim", ADMINISTRATOR)
        jobs = list(pool.map(lambda case: launched(there, of, **{**_ASKED, **case[0]}), _STALE))
    for (answers, word), job in zip(_STALE, jobs):
        if not job.rc or not any(word in failure for failure in job.failures):
            yield f"stale {answers}: {job.rc} {job.failures}, without {word}"
    if there.state() != before:
        yield "stale answers changed a host"


def _limited(there: Site) -> Iterator[str]:
    """The label of the tenant, by which the limits of the inventory know it."""
    job = launched(there, template("claim", BLUE), **{**_ASKED, "form_count": 3, "form_host": "kvm001"})
    if not job.rc or not any("limit_reached" in str(result) for *_which, result in job.of(_CLAIM)):
        yield f"limit of a tenant: {job.rc} {job.failures}"


def _at_once(there: Site) -> Iterator[str]:
    """Two jobs on one host: each gets its own devices (allow_simultaneous). Then the tenant's is repeated for it."""
    asked = {**_ASKED, "form_host": "kvm001"}
    administrators = template("claim", ADMINISTRATOR)
    both = ((template("claim", BLUE), asked), (administrators, {**asked, "form_domain": "db1"}))
    with ThreadPoolExecutor(2) as pool:
        jobs = list(pool.map(lambda job: launched(there, job[0], **job[1]), both))
    held = [device["address"] for job in jobs for *_which, result in job.of(_CLAIM) for device in result["devices"]]
    if [job.rc for job in jobs] != [0, 0] or len(held) != 4 or len(set(held)) != 4:
        yield f"two jobs at once: {[job.failures for job in jobs]}, they hold {held}"
    again = launched(there, administrators, **asked)
    if any(result["changed"] for *_which, result in again.of(_CLAIM)) or '"blue"' not in there.record("kvm001"):
        yield f"an administrator repeats a tenant's claim: {again.failures or again.of(_CLAIM)}"


def _anothers(there: Site) -> Iterator[str]:
    """The domain may be another tenant's too, its claim is not."""
    before = there.state()
    red = {**BLUE, "HOSTDEV_TENANT": "red"}
    for purpose, task in (("claim", _CLAIM), ("release", _RELEASE)):
        job = launched(there, template(purpose, red), **_ASKED, form_host="kvm001")
        if not job.rc or not any("not_the_tenants" in str(result) for *_which, result in job.of(task)):
            yield f"{purpose} of another tenant's: {job.rc} {job.failures}"
    job = launched(there, template("verify", red), form_domain="web1", form_host="kvm001")
    if not job.rc or not any("has no device by the request device" in failure for failure in job.failures):
        yield f"verify of another tenant's: {job.rc} {job.failures or job.output}"
    if there.state() != before:
        yield "another tenant changed a host"


def _unreadable(there: Site) -> Iterator[str]:
    """A record that has db1's claim twice: a check for a tenant ends with that, and with no name of another."""
    record = there.record("kvm001")
    data = json.loads(record)
    (another,) = [claim for claim in data["claims"] if claim["owner"]["label"] == "db1"]
    there.write_record("kvm001", json.dumps({**data, "claims": [*data["claims"], another]}))
    for credential, told in ((BLUE, False), (ADMINISTRATOR, True)):
        job = launched(there, template("verify", credential), form_domain="web1", form_host="kvm001")
        said = f"{job.output} {job.failures}"
        if not job.rc or "it can't be understood" not in said or "claim one" in said or ("db1" in _names(said)) != told:
            yield f"verify without a record: {job.rc} {job.failures}"
    there.write_record("kvm001", record)


def _json_text(there: Site) -> Iterator[str]:
    """Lists as texts, which is how a survey of somebody's own gives them to kvm.hostdev.claim."""
    of = Template("claim", "playbooks/claim.yml", limit="kvm003")
    wanted = {
        "hostdev_domain": "web1",
        "hostdev_requests": '[{"name": "gpu", "specs": [{"vendor_id": "10de", "product_id": "20b2"}], "count": 1}]',
        "hostdev_limits": '[{"most": 2, "per": "owner"}, {"most": 9}]',
        "hostdev_labels": '{"team": "vision"}',
    }
    job = there.controller.run(of, wanted)
    if job.rc:
        yield f"lists as JSON texts: {job.failures or job.output}"
