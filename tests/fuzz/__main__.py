# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.fuzz [TARGET ...] [--inputs N]: feed the targets, or those that have a word, and print counts."""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .target import Target
from .targets import TARGETS

_MILLION = 1_000_000
_PATIENCE = 600.0


def main(arguments: list[str]) -> int:
    """Feed them, each in a process of its own, and return 1 when an input had an outcome that is not allowed."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="TARGET", help="parts of targets' names")
    parser.add_argument("--inputs", type=int, default=_MILLION, help="how many in all (a million)")
    parser.add_argument("--seed", type=int, default=1, help="another one gives other inputs")
    asked = parser.parse_args(arguments)
    targets = [
        candidate for candidate in TARGETS if not asked.words or any(word in candidate.name for word in asked.words)
    ]
    if not targets:
        parser.error(
            f"no target has one of {asked.words}; there are: {', '.join(candidate.name for candidate in TARGETS)}"
        )
    begun = time.monotonic()
    total: Counter[str] = Counter()
    wrong: list[str] = []
    print(f"{'target':<22} {'inputs':>9} {'read':>9} {'refused':>9} {'wrong':>7} {'seconds':>8}")
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-fuzz-") as folder:
        for target in targets:
            share = -(-asked.inputs * target.share // sum(candidate.share for candidate in targets))
            started = time.monotonic()
            counts, failure = _feed(target, share, asked.seed, Path(folder))
            total.update(counts)
            wrong += failure
            print(
                f"{target.name:<22} {counts['inputs']:>9} {counts['read']:>9} {counts['refused']:>9} "
                f"{counts['wrong']:>7} {time.monotonic() - started:>8.1f}",
                flush=True,
            )
    seconds = time.monotonic() - begun
    print(f"\n{total['inputs']} inputs to {len(targets)} targets in {seconds:.0f} s: {total['read']} read, ", end="")
    print(f"{total['refused']} refused with an error, {total['wrong']} wrong")
    for fault in wrong:
        print(f"WRONG: {fault}")
    return 1 if wrong or total["inputs"] < asked.inputs else 0


def _feed(target: Target, inputs: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Counts of one target, and what was wrong, with the input in hexadecimal."""
    place = folder / str(TARGETS.index(target))
    corpus = place / "corpus"
    corpus.mkdir(parents=True)
    # Without seeds of its own a target starts from bytes that are many enough for a structure.
    any_bytes = tuple(random.Random(f"{seed} {number}").randbytes(150) for number in range(20))
    for number, data in enumerate(target.seeds or any_bytes):
        (corpus / str(number)).write_bytes(data)
    # What is no printable ASCII stands for its bytes in libFuzzer's dictionaries.
    entries = (
        "".join(
            chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\x{byte:02x}"
            for byte in word.encode("utf-8", "surrogatepass")
        )
        for word in target.words
    )
    (place / "words").write_text("".join(f'"{entry}"\n' for entry in entries if entry), encoding="ascii")
    command = [sys.executable, "-m", f"{__package__}.guided", target.name, str(inputs), str(seed), str(place)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_PATIENCE, errors="replace")
    except subprocess.TimeoutExpired:
        return Counter(wrong=1), [f"{target.name}: not done within {_PATIENCE:g} s"]
    report = place / "report"
    if not report.exists():
        said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith(("INFO:", "WARNING:")))
        return Counter(wrong=1), [f"{target.name}: ended with {done.returncode}: {said[-2000:]}"]
    result = json.loads(report.read_text(encoding="utf-8"))
    return Counter(inputs=result["inputs"], **result["ends"]), [
        f"{target.name}: {what}\n       input: {data}" for what, data in result["wrong"].items()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
