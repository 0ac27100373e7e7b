# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How old the facts of a host are, told in the fleet and at the head of its drawing."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener


def gathered(at: object) -> made.Facts:
    facts = made.gpu_host()
    return {**facts, "host": {**facts["host"], "gathered_at": at}}


@pytest.mark.parametrize(
    ("at", "row", "head"),
    [
        ("2026-11-28T06:00:01Z", None, "gathered 2026-11-28 06:00 UTC \u00b7"),
        ("2026-11-28T06:00:00Z", "facts 1 hour old", "gathered 2026-11-28 06:00 UTC, 1 hour before this report"),
        ("2026-11-28T01:30:00Z", "facts 5 hours old", "gathered 2026-11-28 01:30 UTC, 5 hours before this report"),
        ("2026-11-20T06:00:00Z", "facts 8 days old", "gathered 2026-11-20 06:00 UTC, 8 days before this report"),
        ("2026-11-29T06:00:00Z", None, "gathered 2026-11-29 06:00 UTC \u00b7"),
        (None, "facts of unknown age", "gathered at an unknown time \u00b7"),
        ("<b>yesterday</b>", "facts of unknown age", "gathered at an unknown time \u00b7"),
        ("2026-19-39T06:00:00Z", "facts of unknown age", "gathered at an unknown time \u00b7"),
    ],
)
def test_the_age_of_facts_is_told(picture: Opener, at: object, row: str | None, head: str) -> None:
    shown = picture({"kvm1": gathered(at)})
    page = shown.go()
    told = page.locator("tr[data-host] th .what")
    assert told.all_text_contents() == ([] if row is None else [row] * page.locator("tr[data-host]").count())
    assert ("older than an hour" in page.locator("header").inner_text()) == (row is not None and row.endswith("old"))
    page = shown.go("host=kvm1")
    assert head in page.locator("header").inner_text()
    assert "Report of 2026-11-28 07:00:00 UTC" in page.locator("header").inner_text()


def test_facts_of_an_older_release_are_drawn(picture: Opener) -> None:
    facts = made.gpu_host()
    del facts["host"]
    shown = picture({"kvm1": facts, "silent": None})
    assert shown.go("host=kvm1").locator(".drawing .box").count() > 5
    assert "unknown time" in shown.page.locator("header").inner_text()
    assert "gathered" not in shown.go("host=silent").locator("header").inner_text()
