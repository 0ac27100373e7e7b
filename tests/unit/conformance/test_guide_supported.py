# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide says is supported is what the gates test, and what everything else says."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import HOSTS
from tests.gates import cores, pythons
from tests.lab.image import SUITES

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/docsite/rst/guide_supported.rst").read_text(encoding="utf-8")


def table(first: str) -> list[list[str]]:
    """The rows below the header of the table whose first column has this title."""
    after = GUIDE.split(f"   * - {first}\n", 1)[1]
    body = after.split("\n\n", 1)[0]
    rows = [[" ".join(cell.split()) for cell in row.split("\n     - ")] for row in body.split("\n   * - ")]
    return rows[1:]


def versions(core: str) -> tuple[int, ...]:
    return tuple(map(int, core.removeprefix("core-").split(".")))


def test_each_ansible_core_is_tested_as_often_as_is_said():
    told = {row[0]: row[1] for row in table("Version") if row[0][0].isdigit()}
    wanted = dict.fromkeys(cores.CORES, "on each change") | dict.fromkeys(cores.BY_HAND, "by hand")
    assert told == {core.removeprefix("core-"): how for core, how in wanted.items()}


def test_the_oldest_ansible_core_that_is_tested_is_the_one_that_is_required():
    oldest = ".".join(map(str, min(map(versions, cores.CORES))))
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"] == f">={oldest}.0"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"ansible-core (\d\.\d+) or later", readme)) == {oldest}
    assert f"needs ansible-core {oldest} or later" in GUIDE


def test_no_core_between_the_oldest_and_the_newest_is_left_out():
    tested = sorted(map(versions, {**cores.CORES, **cores.BY_HAND}))
    assert tested == [(2, minor) for minor in range(tested[0][1], tested[-1][1] + 1)]
    assert cores.next_core() == f"ansible-core>=2.{tested[-1][1] + 1}.0b1"


def test_the_pythons_are_those_of_the_gates():
    told = {row[0]: row[1] for row in table("Where")}
    of_controllers = {version for versions in {**cores.CORES, **cores.BY_HAND}.values() for version in versions}
    for where, known in (("Controller", of_controllers), ("Hosts", set(pythons.VERSIONS))):
        assert told[where] == f"{pythons.text(min(known))} to {pythons.text(max(known))}"
    config = yaml.safe_load((ROOT / "tests/config.yml").read_text(encoding="utf-8"))
    oldest = pythons.text(min(pythons.VERSIONS))
    assert config["modules"]["python_requires"] == f">={oldest}"
    assert f"Python {oldest} or later" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_hosts_are_those_of_the_lab():
    told = {re.findall(r"\(``(\w+)``\)", row[0])[0] for row in table("Host")}
    assert told == set(SUITES)


def test_the_layouts_are_those_that_are_made():
    told = [name for row in table("Layout") for name in re.findall(r"``(\w+)``", row[1]) if "_" in name]
    assert sorted(told) == sorted(set(HOSTS) - {"unified"})
    assert "(``unified``, " in GUIDE
