# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.fuzz.guided NAME INPUTS SEED FOLDER: feed one target, guided by which code an input reaches.

The engine is libFuzzer, through Atheris. It ends the process by itself, so the report is written with the last input.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ansible_collections.kvm.hostdev.plugins.module_utils"]):
    from .target import Report, attempt
    from .targets import TARGETS

_SECONDS_PER_INPUT = 20
_LONGEST = 4096


def main(name: str, inputs: int, seed: int, folder: Path) -> None:
    """Does not come back. An input that takes too long, or ends Python itself, leaves no report but words on stderr."""
    warnings.simplefilter("ignore")  # of Python on odd regular expressions
    target = next(candidate for candidate in TARGETS if candidate.name == name)
    report = Report()

    def feed(data: bytes) -> None:
        attempt(target, data, report)
        if report.inputs == inputs:
            wrong = {what: sample.hex() for what, sample in report.wrong.items()}
            text = json.dumps({"inputs": report.inputs, "ends": report.ends, "wrong": wrong})
            (folder / "report").write_text(text, encoding="utf-8")

    options = [
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-timeout={_SECONDS_PER_INPUT}",
        f"-max_len={_LONGEST}",
        *([f"-dict={folder / 'words'}"] if target.words else []),
        f"-artifact_prefix={folder}/",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
