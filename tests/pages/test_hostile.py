# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts, domains and devices are called stays text, whatever it is."""

from __future__ import annotations

import json

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page as make_page
from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener

ELEMENTS = {
    *"a b bdi body button caption code details dialog div form h1 h2 h3 head header html input label li main".split(),
    *"meta noscript option p script section select span style summary table tbody td th thead title tr ul".split(),
}
"""All that the page itself makes."""


def names_in(text: str, names: list[str]) -> set[str]:
    return {name for name in names if name in text}


def test_the_page_is_ascii_and_ends_its_script_once() -> None:
    text = make_page(made.hostile_hosts(), generated=made.HOSTILE[0])
    assert text.isascii()
    assert text.count("</script>") == 2
    assert text.count("<script") == 2
    assert "<img" not in text


def test_names_of_hosts_stay_text(picture: Opener) -> None:
    hosts = made.hostile_hosts()
    shown = picture(hosts)
    page = shown.go()
    for more in page.locator(".more:visible").all():
        more.click()
    written = page.evaluate(
        "() => JSON.stringify([...document.querySelectorAll('tr[data-host] th .name')].map((n) => n.textContent))"
    )
    assert set(json.loads(written)) == set(made.HOSTILE)
    assert {
        name.lower() for name in page.evaluate("() => [...document.querySelectorAll('*')].map((e) => e.localName)")
    } <= ELEMENTS
    assert page.title() == f"PCI devices of {len(hosts)} hosts"


def test_each_host_opens_with_names_of_owners_devices_and_interfaces_as_text(picture: Opener) -> None:
    shown = picture(made.hostile_hosts())
    page = shown.go()
    references = page.evaluate(
        "() => [...new Set([...document.querySelectorAll('tr[data-host] a')].map((a) => a.getAttribute('href')))]"
    )
    assert len(references) >= len(made.HOSTILE)
    seen = set()
    for reference in references:
        shown.go(reference.lstrip("#"))  # from an empty page: the host before it is not taken for this one
        page.wait_for_function("() => document.querySelector('.drawing')")
        shown.open_all()
        name = json.loads(page.evaluate("() => JSON.stringify(document.querySelector('h1').textContent)"))
        seen.add(name)
        boxes = json.loads(
            page.evaluate(
                "() => JSON.stringify([...document.querySelectorAll('[data-address]')].map((b) => b.textContent))"
            )
        )
        assert sum(name in box for box in boxes) >= 12  # seven GPUs, four VFs, an interface
        assert any(f"held by {name}" in box for box in boxes)
        stick = page.evaluate("() => JSON.stringify(document.querySelector('[data-node-device]').textContent)")
        assert json.loads(stick) == f"{name}{name}kept: in_domain_xml (domain {name})"
        assert {
            e.lower() for e in page.evaluate("() => [...document.querySelectorAll('*')].map((e) => e.localName)")
        } <= ELEMENTS
        page.locator("[data-address='0000:03:00.0']").click()
        page.locator("dialog[open] .close").wait_for()
        fields = json.loads(page.evaluate("() => JSON.stringify(document.querySelector('dialog').textContent)"))
        assert f"Held by {name}." in fields
        page.locator("dialog .close").click()
    assert seen == set(made.HOSTILE)


def test_a_long_name_does_not_widen_the_page(picture: Opener) -> None:
    shown = picture(made.hostile_hosts())
    page = shown.go()
    width = "() => document.documentElement.scrollWidth <= window.innerWidth"
    assert page.evaluate(width)
    page.locator("tr[data-host] a", has_text="xxxxxxxxxx").first.click()
    page.wait_for_function("() => document.querySelector('.drawing')")
    assert page.evaluate(width)


def test_the_policy_lets_nothing_else_run(picture: Opener) -> None:
    """The page's own hashes are the only ones: a script or a style that came in would be refused, and complained of."""
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go()
    page.evaluate(
        """() => { const script = document.createElement('script'); script.textContent = 'document.title = 1';
        document.body.append(script); const style = document.createElement('style');
        style.textContent = 'body { display: none }'; document.body.append(style); }"""
    )
    assert page.title() == "PCI devices of 1 host"
    assert page.locator("h1").is_visible()
    assert len(shown.complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in shown.complaints)
    shown.complaints.clear()
