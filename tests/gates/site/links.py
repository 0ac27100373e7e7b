# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where links lead: within the site and the repository to what is there, out of them to what is approved."""

from __future__ import annotations

import functools
import re
import typing as t
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

from .sources import ROOT, SITE

OF_SITE = "https://kvm-hostdev.github.io/kvm.hostdev/"
_PAPERS = ("README.md", "CONTRIBUTING.md", "roles/*/README.md", "tests/lab/README.md")
_IN_MARKDOWN = re.compile(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def faults(site: Path, root: Path = ROOT) -> list[str]:
    """What is wrong with the links of all pages below `site`, and of what stands as Markdown in the repository."""
    approved, used = Approved((SITE / "links.txt").read_text(encoding="utf-8")), set()
    found = []
    for place, link in (*_of_pages(site), *_of_papers(root)):
        outside = re.match(r"(https?:)?//|mailto:", link) and not link.startswith(OF_SITE)
        if outside:
            entry = approved.entry(link)
            used.add(entry)
            wrong = "" if entry else "docs/site/links.txt does not have it"
        else:
            wrong = _within(site, root, place, link)
        if wrong:
            found.append(f"{_shown(place, site, root)}: {link}: {wrong}")
    stale = [f"docs/site/links.txt: nothing leads to {entry}" for entry in sorted(approved.entries - used)]
    return [*dict.fromkeys(found), *stale]


class Approved:
    """Addresses that somebody has approved of, by the file that lists them."""

    def __init__(self, text: str) -> None:
        self.entries = {line for line in text.splitlines() if line and not line.startswith("#")}

    def entry(self, link: str) -> str | None:
        """The entry that a link fits."""
        link = link.partition("#")[0]
        for entry in sorted(self.entries, reverse=True):
            if link == entry or (entry.endswith("*") and link.startswith(entry[:-1])):
                return entry
        return None


def _shown(place: Path, *folders: Path) -> Path:
    return next((place.relative_to(folder) for folder in folders if place.is_relative_to(folder)), place)


def _within(site: Path, root: Path, place: Path, link: str) -> str:
    """What is wrong with a link that does not lead out."""
    if link.startswith(OF_SITE):
        place, link = site / "index.html", link.removeprefix(OF_SITE) or "index.html"
    address, _hash, fragment = link.partition("#")
    address = address.partition("?")[0]
    target = (place.parent / urllib.parse.unquote(address)).resolve() if address else place.resolve()
    if not target.exists():
        return "it is not there"
    if not target.is_relative_to(site) and not target.is_relative_to(root):
        return "it leads out of the repository"
    if fragment and target.suffix in (".html", ".md") and fragment not in _anchors(target):
        return "it has no such place"
    return ""


def _of_pages(site: Path) -> t.Iterator[tuple[Path, str]]:
    for path in sorted(site.rglob("*.html")):
        for link in _Page.of(path).links:
            yield path, link


def _of_papers(root: Path) -> t.Iterator[tuple[Path, str]]:
    for path in (path for pattern in _PAPERS for path in sorted(root.glob(pattern))):
        for in_brackets, by_itself in _IN_MARKDOWN.findall(path.read_text(encoding="utf-8")):
            yield path, in_brackets or by_itself


@functools.cache
def _anchors(path: Path) -> frozenset[str]:
    if path.suffix == ".html":
        return frozenset(_Page.of(path).anchors)
    titles = _HEADING.findall(path.read_text(encoding="utf-8"))
    return frozenset(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles)


class _Page(HTMLParser):
    """Where a page leads to, and the places in it that others can lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {"", "top"}

    @classmethod
    def of(cls, path: Path) -> _Page:
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.update(value for value in (values.get("id"), values.get("name")) if value)
        link = values.get("href") if tag in ("a", "link") else values.get("src") if tag in ("img", "script") else None
        if link:
            self.links.append(link)
