# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a link is found; on a site and a repository of a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gates.site import links

_PAGE = '<h1 id="first">One</h1><a href="{link}">there</a>'
GOOD = (
    "other.html",
    "other.html#second",
    "#first",
    "https://jmespath.org/specification.html",
    f"{links.OF_SITE}#first",
)
BAD = {
    "missing.html": "it is not there",
    "other.html#third": "it has no such place",
    "#second": "it has no such place",
    "https://example.com/": "docs/site/links.txt does not have it",
    "//example.com/": "docs/site/links.txt does not have it",
    f"{links.OF_SITE}missing.html": "it is not there",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "site"
    folder.mkdir()
    (folder / "other.html").write_text('<h1 id="second">Two</h1>')
    return folder


def faults(site: Path, link: str) -> list[str]:
    (site / "index.html").write_text(_PAGE.format(link=link))
    return [fault for fault in links.faults(site, site.parent) if "nothing leads to" not in fault]


@pytest.mark.parametrize("link", GOOD)
def test_a_link_to_what_is_there_is_right(site: Path, link: str) -> None:
    assert faults(site, link) == []


@pytest.mark.parametrize("link", BAD)
def test_a_link_to_nothing_or_to_what_nobody_approved_of_is_found(site: Path, link: str) -> None:
    assert faults(site, link) == [f"index.html: {link}: {BAD[link]}"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# A title\n\n[here](#a-title), [there](docs/a.md)", []),
        ("[here](#no-title)", ["README.md: #no-title: it has no such place"]),
        ("[there](docs/b.md)", ["README.md: docs/b.md: it is not there"]),
        ("[up](../..)", ["README.md: ../..: it leads out of the repository"]),
        ("<https://example.com>", ["README.md: https://example.com: docs/site/links.txt does not have it"]),
    ],
)
def test_links_in_markdown_are_held_too(site: Path, text: str, wrong: list[str]) -> None:
    (site.parent / "docs").mkdir()
    (site.parent / "docs/a.md").touch()
    (site.parent / "README.md").write_text(text)
    (site / "index.html").write_text("")
    assert [fault for fault in links.faults(site, site.parent) if "nothing leads to" not in fault] == wrong


def test_an_entry_that_nothing_leads_to_is_found(site: Path) -> None:
    (site / "index.html").write_text("")
    assert "docs/site/links.txt: nothing leads to https://mutmut.readthedocs.io" in links.faults(site, site.parent)
