# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guides and the code they are about say the same: tables of codes, playbooks, options."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import textwrap
import typing as t
from pathlib import Path

import ansible_collections
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.module_aliases import ModuleAliases
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.ids import read_pci_ids
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.blocker import Blocker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.registry import ALLOWABLE, GUARDS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.devices import device_report

ROOT = Path(__file__).resolve().parents[3]
GUIDES = ROOT / "docs/docsite/rst"
GUIDE = GUIDES / "guide_troubleshooting.rst"
PLUGINS = "ansible_collections.kvm.hostdev.plugins"
BLOCK = re.compile(r"^\.\. code-block:: yaml\n\n((?: {3}.*\n|\n)+)", re.MULTILINE)


def rows(title: str) -> dict[str, str]:
    """The last cell of each row of the table below a title, by each code in the first."""
    text = GUIDE.read_text(encoding="utf-8").split(f"\n{title}\n", 1)[1]
    body = re.split(r"\n[^\n]+\n-{5,}\n", text.split("\n", 1)[1])[0]
    texts = {}
    for row in re.split(r"\n   \* - ", body)[1:]:
        cells = [cell.strip() for cell in re.split(r"\n     - ", row)]
        texts.update(dict.fromkeys(re.findall("``([a-z_]+)``", cells[0]), cells[-1]))
    return texts


def test_every_blocker_code_is_explained_with_whether_it_can_be_allowed():
    explained = rows("Blocker codes")
    assert set(explained) == set(GUARDS)
    assert {code for code, allowed in explained.items() if not allowed.startswith("no")} == ALLOWABLE


def test_the_option_allow_lists_the_codes_that_can_be_allowed():
    documentation = yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.pci_passthrough_claim").DOCUMENTATION)
    listed = re.findall(r"^V\(([a-z_]+)\)", "\n".join(documentation["options"]["allow"]["description"]), re.MULTILINE)
    assert listed == sorted(ALLOWABLE)


def test_blockers_in_samples_are_as_modules_return_them():
    samples = [
        blocker
        for module in ("pci_facts", "pci_passthrough_claim", "pci_passthrough_release")
        for blocker in _blockers(yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{module}").RETURN))
    ]
    assert len(samples) == 2
    for sample in samples:
        assert Blocker(sample["code"], sample["address"], sample["detail"], sample["override"]).as_dict() == sample


def _blockers(value: t.Any) -> t.Iterator[dict[str, t.Any]]:
    if isinstance(value, dict) and "override" in value:
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _blockers(part)


def test_every_code_of_the_drift_is_explained_once():
    table = (GUIDES / "guide_record.rst").read_text(encoding="utf-8").split("\nDrift\n-----\n", 1)[1]
    listed = re.findall(r"^   \* - ``([a-z_]+)``", table, re.MULTILINE)
    code = re.compile(r'(?:(?<!Owner)\(|yield |code = |not use.live else )"([a-z_]+)"')
    names = ("drift", "node_drift", "vfs_drift", "differences")
    sources = [ROOT / f"plugins/module_utils/_model/report/{name}.py" for name in names]
    given = {name for source in sources for name in code.findall(source.read_text(encoding="utf-8"))}
    assert sorted(listed) == sorted(given)


def test_every_field_of_a_pci_function_is_explained():
    device = PciDevice("0000:01:00.0", "/sys", "s", "8086", "10d3", "020000")
    host = HostFacts("6.12", (6, 12), "", iommu=True, iommu_reason="", vfio_present=True)
    inventory = Inventory(host, [device])
    nothing = Tree(str(ROOT / "docs"))
    report = device_report(
        Statuses(inventory, Tracker()),
        Topology(inventory)[device.address],
        device,
        read_pci_ids(nothing, [device]),
        ModuleAliases(nothing, "6.12"),
    )
    text = (GUIDES / "guide_fields.rst").read_text(encoding="utf-8")
    firsts = re.findall(r"\n   \* - (``.*)", text)
    assert {name for first in firsts for name in re.findall("``([a-z0-9_]+)``", first)} == set(report)


def playbooks() -> dict[str, list[t.Any]]:
    """The playbooks of the guides by guide and number; tasks that are shown without a play are put into one."""
    files = {}
    for guide in sorted(GUIDES.glob("*.rst")):
        for number, block in enumerate(BLOCK.findall(guide.read_text(encoding="utf-8"))):
            content = yaml.safe_load(textwrap.dedent(block))
            if isinstance(content, dict):  # a part of a task, or an inventory
                continue
            plays = content if "hosts" in content[0] else [{"hosts": "all", "tasks": content}]
            files[f"{guide.stem}-{number}.yml"] = plays
    return files


def options(module: str) -> set[str]:
    """The documented options of a module, with those of its fragments."""
    documentation = yaml.safe_load(importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)
    known = set(documentation["options"])
    for fragment in documentation["extends_documentation_fragment"]:
        name, _dot, part = fragment.removeprefix("kvm.hostdev.").partition(".")
        source = importlib.import_module(f"{PLUGINS}.doc_fragments.{name}").ModuleDocFragment
        known.update(yaml.safe_load(getattr(source, part.upper() or "DOCUMENTATION")).get("options", {}))
    return known


def test_ansible_understands_the_playbooks(tmp_path):
    written = playbooks()
    assert len(written) > 10
    (tmp_path / "inventory").write_text("[kvm_hosts]\nkvm1\n", encoding="utf-8")
    for name, plays in written.items():
        (tmp_path / name).write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "--syntax-check", "-i", "inventory", *written],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(os.path.dirname, ansible_collections.__path__)),
            # As it is by default: some groups are made while a playbook runs.
            "ANSIBLE_HOST_PATTERN_MISMATCH": "warning",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
    assert [name for name in written if f"playbook: {name}" not in checked.stdout] == []


def test_the_playbooks_set_options_that_the_modules_have():
    seen = set()
    for name, plays in playbooks().items():
        for task in [task for play in plays for task in [*play.get("tasks", []), play.get("module_defaults", {})]]:
            for module, given in task.items():
                if module.startswith("kvm.hostdev."):
                    seen.add(module)
                    assert set(given or {}) <= options(module.rpartition(".")[2]), f"{name}: {module}"
    assert len(seen) == 10


def test_the_playbooks_set_variables_that_the_roles_have():
    seen = set()
    for name, plays in playbooks().items():
        for role in [role for play in plays for role in play.get("roles", [])]:
            specs = ROOT / "roles" / role["role"].removeprefix("kvm.hostdev.") / "meta/argument_specs.yml"
            known = yaml.safe_load(specs.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
            seen.add(role["role"])
            assert set(role.get("vars", {})) <= set(known), f"{name}: {role['role']}"
    assert seen == {"kvm.hostdev.host"}


def test_no_markup_of_the_documentation_is_cut_off_at_a_parenthesis_in_it():
    files = [*ROOT.glob("plugins/*/*.py"), *ROOT.glob("roles/*/meta/*.yml")]
    documented = {path: path.read_text(encoding="utf-8") for path in files}
    assert sum("C(" in text for text in documented.values()) >= 10
    assert [path.name for path, text in documented.items() if re.search(r"\bC\([^)]*\(", text)] == []
