# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the documentation site: `python -m tests.gates.site CHECKOUT [--to FOLDER]`, in a copy of that checkout.

It is put into the cache folder, or into FOLDER, a path from the checkout. It needs no network. Every warning is an
error, and so is a page that nobody is led to, a link that leads nowhere, and one that leads out of the site and is not
in docs/site/links.txt.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

from tests.gates.places import CACHE

from . import links, sources

_ANTSIBULL = ("collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--cleanup", "everything")


def main(arguments: t.Sequence[str]) -> int:
    folder = _folder(Path(arguments[0]), arguments[1:])
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-site-") as temporary:
        work, made = Path(temporary).resolve(), Path(temporary, "made")
        pages = work / "rst"
        pages.mkdir(mode=0o755)
        if not _succeeds("antsibull-docs", *_ANTSIBULL, "--dest-dir", pages, "kvm.hostdev"):
            return 1
        sources.complete(pages)
        faults = sources.faults(pages)
        # It makes all pages before it fails, so that one run shows all that is wrong.
        if not _succeeds("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", pages, made):
            faults.append("sphinx-build warned, see above")
        faults += links.faults(made)
        for fault in faults:
            print(fault, file=sys.stderr)
        if faults:
            return 1
        _put(made, folder)
    print(f"the site: {folder / 'index.html'}", flush=True)
    return 0


def _folder(checkout: Path, arguments: t.Sequence[str]) -> Path:
    """What stands after `--to`; else a folder for this checkout in the cache."""
    if "--to" in arguments:
        return checkout / "".join(arguments[arguments.index("--to") + 1 :][:1])
    return CACHE / "site" / str(checkout).strip("/").replace("/", "-")


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(list(map(str, command)), check=False).returncode == 0


def _put(made: Path, folder: Path) -> None:
    """Put what was made into a folder that holds nothing else: an earlier site, or nothing at all."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "objects.inv").is_file():
        sys.exit(f"{folder} holds something that is no site: name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".doctrees", ".buildinfo"))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
