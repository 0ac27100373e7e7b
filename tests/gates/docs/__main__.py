# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of the guides, and the pattern, that are made from the code and its data.

    python3 -m tests.gates.docs [--write]

Without --write it names the files that say something else, and fails if there are any.
"""

from __future__ import annotations

import sys

from tests.unit.helpers import blocks

from . import guards, pattern, playbooks, variables
from .filling import ROOT


def main(arguments: list[str]) -> int:
    wanted = {**guards.wanted(), **playbooks.wanted(), **pattern.wanted(), **variables.wanted()}
    stale = [file for file, text in wanted.items() if (ROOT / file).read_text(encoding="utf-8") != text]
    for file, text in wanted.items() if "--write" in arguments else ():
        (ROOT / file).write_text(text, encoding="utf-8")
        print(f"{'written' if file in stale else 'as it should be'}: {file}")
    if "--write" in arguments:
        return 0
    wrong = blocks.faults(ROOT)
    for fault in wrong:
        print(fault, file=sys.stderr)
    for file in stale:
        print(f"{file} does not say what the code has: ./run docs --write", file=sys.stderr)
    wrong_pattern = pattern.faults((ROOT / pattern.PATTERN).parents[1])
    for fault in wrong_pattern:
        print(f"{pattern.PATTERN}: {fault}", file=sys.stderr)
    return 1 if stale or wrong or wrong_pattern else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
