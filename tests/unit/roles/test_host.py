# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role host asks of the modules, and what it makes of their answers.

One run of Ansible with a host for each case. In the modules' places are stand-ins that note their options and say what
the case has them say, before the reboot and after it; the reboot is one, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.platform import Boot, missing

ROLE = Path(__file__).resolve().parents[3] / "roles" / "host"
STAND_IN = """
import json
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name, check = self._task.action.rpartition(".")[2], bool(self._task.check_mode)
        case = task_vars["case"] + "/" + task_vars["inventory_hostname"] + ".json"
        with open(case, encoding="utf-8") as file:
            told = json.load(file)
        rebooted = any(call["module"] == "reboot" for call in told["calls"])
        told["calls"].append({"module": name, "options": self._task.args, "check": check})
        with open(case, "w", encoding="utf-8") as file:
            json.dump(told, file)
        answers = told["answers"]
        after = answers.get(name + " after", {}) if rebooted else {}
        # As ansible.builtin.reboot has it.
        elapsed = {"elapsed": 0 if check else 40} if name == "reboot" else {}
        return {"changed": False, **answers.get(name, {}), **after, **elapsed}
"""
CALLBACK = '''
import json
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: tell
type: stdout
short_description: Lines of JSON
description: Lines of JSON.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "tell"

    def _tell(self, result, kind, value):
        print(json.dumps({"host": result._host.get_name(), "kind": kind, "value": value}), flush=True)

    def v2_runner_on_ok(self, result):
        if "hostdev_host_reboot_needed" in result._result:
            self._tell(result, "fact", result._result["hostdev_host_reboot_needed"])
        elif result._task.action == "ansible.builtin.debug" and "results" not in result._result:
            self._tell(result, "said", result._result["msg"])

    def v2_runner_item_on_ok(self, result):
        if result._task.action == "ansible.builtin.assert":
            self._tell(result, "shown", result._result["_ansible_item_label"])
        elif "msg" in result._result:
            self._tell(result, "said", result._result["msg"])

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._tell(result, "failed", result._result.get("msg") or str(result._result))
'''
BUILT_IN = (
    "reboot",
    "setup",
    "stat",
    "command",
    "package",
    "systemd_service",
)  # of ansible-core's, those that are played
MODULES = ("iommu_info", "kernel_arguments", "vfio_modules", "memory_lock", "host_events", *BUILT_IN)
OFF = missing(Boot("x86_64", enabled=False, reason="off: x", tables=frozenset({"DMAR"}), words=("intel_iommu=off",)))
ANSWERS = {
    "iommu_info": {"enabled": True, "recommended_arguments": ["intel_iommu=on"], "missing": []},
    "kernel_arguments": {"reboot_needed": False, "loader": "grub", "msg": "arguments, as before"},
    "vfio_modules": {"reboot_needed": False, "msg": "VFIO at boot, as before"},
    "memory_lock": {"msg": "memory lock, as before", "reload_needed": False},
    "host_events": {"msg": "events, as before"},
}
NO_PACKAGER = 'Could not find a matching action for the "{}" package manager.'
NEEDED, NOT_NEEDED = {"reboot_needed": True}, {"reboot_needed": False}
IS_OFF = {"enabled": False, "missing": OFF}


def case(
    answers: t.Mapping[str, dict[str, t.Any]] | None = None, *, check: bool = False, **variables: t.Any
) -> dict[str, t.Any]:
    answers = answers or {}
    return {
        "answers": {name: {**ANSWERS.get(name, {}), **answers.get(name, {})} for name in {*ANSWERS, *answers}},
        "check": check,
        "variables": {f"hostdev_host_{name}": value for name, value in variables.items()},
    }


def machine(
    family: str, packager: str, *, ostree: bool = False, libvirt: bool = False, failing: str = "", **variables: t.Any
) -> dict[str, t.Any]:
    """A host whose packages are seen to."""
    facts = {"os_family": family, "distribution": family, "distribution_major_version": "9", "architecture": "x86_64"}
    answers: dict[str, dict[str, t.Any]] = {
        "setup": {"ansible_facts": {**facts, "pkg_mgr": packager}},
        "stat": {"stat": {"exists": ostree}},
        "command": {"rc": 0 if libvirt else 1},
        "package": {"failed": True, "msg": failing} if failing else {},
    }
    return case(answers, **{"packages": "auto", **variables})


CASES = {
    "limit-unread": case({"memory_lock": {"reload_needed": True}}),
    "debian": machine("Debian", "apt"),
    "debian-list": machine("Debian", "apt", packages=["qemu-system-x86"]),
    "arch": machine("Archlinux", "pacman"),
    "arch-with-libvirt": machine("Archlinux", "pacman", libvirt=True, failing=NO_PACKAGER.format("pacman")),
    "arch-without-module": machine("Archlinux", "pacman", failing=NO_PACKAGER.format("pacman")),
    "suse-without-module": machine(
        "Suse", "zypper", failing=NO_PACKAGER.format("zypper"), packages="libvirt-daemon-qemu"
    ),
    "suse-failing": machine("Suse", "zypper", failing="No provider of 'qemu' found."),
    "ostree": machine("RedHat", "atomic_container", ostree=True),
    "ostree-with-libvirt": machine("RedHat", "atomic_container", ostree=True, libvirt=True),
    "ostree-list": machine("RedHat", "atomic_container", ostree=True, packages=["libvirt", "qemu-kvm"]),
    "unknown": machine("Alpine", "apk"),
    "unknown-with-libvirt": machine("Alpine", "apk", libvirt=True),
    "plain": case(),
    "everything": case(
        identity=True,
        kernel_arguments=["console=ttyS0", "intel_iommu=on"],
        contradictions="replace",
        hugepages=[{"size": "2M", "count": 512, "default": False}, {"size": "1G", "count": 4, "default": True}],
        modules=["vfio_pci"],
        softdeps=["nvme"],
        vfio_options={"disable_idle_d3": True},
        initramfs=True,
        memory_lock="64G",
        events_url="https://eda.example.org:5000/endpoint",
        events_every=60,
        events_token_file="/etc/token",
        events_ca_file="/etc/ca",
    ),
    "own-arguments": case(
        iommu_arguments=["amd_iommu=pgtbl_v2"], hugepages=[{"size": "2M", "count": 8}, {"size": "1G", "count": 8}]
    ),
    "own-pages": case(kernel_arguments=["hugepagesz=1G", "hugepages=8", "hugepagesz=2M", "hugepages=8"]),
    "default-in-words": case(
        hugepages=[{"size": "2M", "count": 8, "default": "no"}, {"size": "1G", "count": 8, "default": "yes"}]
    ),
    "one-argument": case(iommu_arguments="intel_iommu=on", kernel_arguments="console=ttyS0"),
    "absent": case(
        {"kernel_arguments": NEEDED, "iommu_info": IS_OFF},
        state="absent",
        kernel_arguments=["quiet"],
        memory_lock="infinity",
        events_url="https://eda.example.org:5000/endpoint",
    ),
    "off": case({"iommu_info": IS_OFF, "kernel_arguments": NEEDED}),
    "rebooted": case(
        {"iommu_info": IS_OFF, "iommu_info after": {"enabled": True, "missing": []}, "kernel_arguments": NEEDED}
        | {"kernel_arguments after": NOT_NEEDED},
        reboot_ok=True,
        reboot_timeout=1200,
    ),
    "modules-rebooted": case({"vfio_modules": NEEDED, "vfio_modules after": NOT_NEEDED}, reboot_ok=True),
    "still-off": case(
        {"iommu_info": IS_OFF, "kernel_arguments": NEEDED, "kernel_arguments after": NOT_NEEDED}, reboot_ok=True
    ),
    "other-entry": case({"kernel_arguments": NEEDED}, reboot_ok=True),
    "firmware": case({"iommu_info": IS_OFF}, reboot_ok=True),
    "no-reboot": case(reboot_ok=True),
    # What -e key=value and an inventory in INI make of a boolean.
    "words": case({"iommu_info": IS_OFF, "kernel_arguments": NEEDED}, reboot_ok="false"),
    "words-rebooted": case({"kernel_arguments": NEEDED, "kernel_arguments after": NOT_NEEDED}, reboot_ok="true"),
    "check": case({"iommu_info": IS_OFF, "kernel_arguments": NEEDED}, check=True, reboot_ok=True),
    "absent-rebooted": case(
        {"kernel_arguments": NEEDED, "kernel_arguments after": NOT_NEEDED, "iommu_info after": IS_OFF},
        state="absent",
        reboot_ok=True,
    ),
    "misspelt": case(state="gone"),
}


class Outcome(t.NamedTuple):
    """What the modules were asked in their order, the role's fact, what was said and shown, and why it failed."""

    calls: list[dict[str, t.Any]]
    needed: bool | None
    said: list[str]
    shown: list[str]
    failed: str | None

    def options(self, module: str) -> dict[str, t.Any]:
        return [call["options"] for call in self.calls if call["module"] == module][-1]

    @property
    def names(self) -> list[str]:
        return [call["module"] for call in self.calls]


def _lay_out(folder: Path) -> None:
    collection = folder / "ansible_collections/kvm/hostdev"
    shutil.copytree(ROLE, collection / "roles/host")
    tasks = {path: path.read_text(encoding="utf-8") for path in (collection / "roles/host/tasks").iterdir()}
    for name in BUILT_IN:
        assert any(f"ansible.builtin.{name}:" in text for text in tasks.values())
    for path, text in tasks.items():
        played = re.sub(rf"ansible\.builtin\.({'|'.join(BUILT_IN)}):", r"kvm.hostdev.\1:", text)
        path.write_text(played, encoding="utf-8")
    (folder / "callbacks").mkdir()
    (folder / "callbacks/tell.py").write_text(CALLBACK, encoding="utf-8")
    for kind, text in (("action", STAND_IN), ("modules", "")):
        (collection / "plugins" / kind).mkdir(parents=True)
        for name in MODULES:
            (collection / f"plugins/{kind}/{name}.py").write_text(text, encoding="utf-8")
    for name, told in CASES.items():
        (folder / f"{name}.json").write_text(json.dumps({**told, "calls": []}), encoding="utf-8")
    hosts = {
        name: {"hostdev_host_packages": [], **told["variables"], "check": told["check"], "ansible_connection": "local"}
        for name, told in CASES.items()
    }
    inventory = {"all": {"hosts": hosts, "vars": {"ansible_python_interpreter": sys.executable}}}
    (folder / "inventory.json").write_text(json.dumps(inventory), encoding="utf-8")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "check_mode": "{{ check }}",
        "vars": {"case": str(folder)},
        "roles": ["kvm.hostdev.host"],
        "post_tasks": [{"name": "fact", "ansible.builtin.debug": {"var": "hostdev_host_reboot_needed"}}],
    }
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-role-") as folder:
        return _play_in(Path(folder).resolve())


def _play_in(folder: Path) -> dict[str, Outcome]:
    _lay_out(folder)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_STDOUT_CALLBACK": "tell",
        "ANSIBLE_CALLBACK_PLUGINS": str(folder / "callbacks"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_FORKS": "4",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ansible.cli.playbook", "-i", str(folder / "inventory.json"), str(folder / "play.yml")],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, list[tuple[str, t.Any]]] = {name: [] for name in CASES}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            told[entry["host"]].append((entry["kind"], entry["value"]))
    assert any(told.values()), done.stdout + done.stderr
    return {
        name: Outcome(
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["calls"],
            next((value for kind, value in entries if kind == "fact"), None),
            *([value for kind, value in entries if kind == wanted] for wanted in ("said", "shown")),
            next((value for kind, value in reversed(entries) if kind == "failed"), None),
        )
        for name, entries in told.items()
    }


SETTINGS = ["iommu_info", "kernel_arguments", "vfio_modules", "memory_lock", "host_events"]


def test_without_variables_the_platforms_arguments_and_vfio_are_set(outcomes):
    plain = outcomes["plain"]
    assert (plain.failed, plain.names, plain.needed, plain.said) == (None, SETTINGS, False, [])
    assert plain.options("iommu_info") == {"identity": False}
    assert plain.options("kernel_arguments") == {
        "state": "present",
        "arguments": ["intel_iommu=on"],
        "exclusive": True,
        "contradictions": "refuse",
    }
    assert plain.options("vfio_modules") == {
        "state": "present",
        "modules": [],
        "softdeps": [],
        "options": {},
        "initramfs": False,
    }
    assert plain.options("memory_lock")["state"] == "absent"
    assert plain.options("host_events")["state"] == "absent"


def test_systemd_is_told_of_a_limit_before_anything_else_can_fail(outcomes):
    unread = outcomes["limit-unread"]
    after = SETTINGS.index("memory_lock") + 1
    assert unread.names == [*SETTINGS[:after], "systemd_service", *SETTINGS[after:]]
    assert unread.options("systemd_service") == {"daemon_reload": True}


def test_all_variables_reach_the_modules(outcomes):
    everything = outcomes["everything"]
    assert everything.options("iommu_info") == {"identity": True}
    arguments = everything.options("kernel_arguments")
    assert arguments["contradictions"] == "replace"
    assert arguments["arguments"] == [
        "intel_iommu=on",
        "console=ttyS0",
        "default_hugepagesz=1G",
        "hugepagesz=2M",
        "hugepages=512",
        "hugepagesz=1G",
        "hugepages=4",
    ]
    assert everything.options("vfio_modules") == {
        "state": "present",
        "modules": ["vfio_pci"],
        "softdeps": ["nvme"],
        "options": {"disable_idle_d3": True},
        "initramfs": True,
    }
    assert everything.options("memory_lock") == {"state": "present", "limit": "64G"}
    assert everything.options("host_events") == {
        "state": "present",
        "url": "https://eda.example.org:5000/endpoint",
        "host": "everything",
        "every": 60,
        "token_file": "/etc/token",
        "ca_file": "/etc/ca",
    }


def test_own_arguments_for_the_iommu_take_the_place_of_the_recommended_ones(outcomes):
    arguments = outcomes["own-arguments"].options("kernel_arguments")["arguments"]
    assert arguments == ["amd_iommu=pgtbl_v2", "hugepagesz=2M", "hugepages=8", "hugepagesz=1G", "hugepages=8"]


def test_two_sizes_of_pages_may_have_the_same_number_among_own_arguments(outcomes):
    arguments = outcomes["own-pages"].options("kernel_arguments")["arguments"]
    assert arguments[-4:] == ["hugepagesz=1G", "hugepages=8", "hugepagesz=2M", "hugepages=8"]


def test_a_word_for_false_makes_no_size_the_default(outcomes):
    arguments = outcomes["default-in-words"].options("kernel_arguments")["arguments"]
    assert [word for word in arguments if word.startswith("default")] == ["default_hugepagesz=1G"]


def test_one_argument_may_stand_without_a_list(outcomes):
    one = outcomes["one-argument"]
    assert (one.failed, one.options("kernel_arguments")["arguments"]) == (None, ["intel_iommu=on", "console=ttyS0"])


def test_absent_takes_out_all_without_being_told_the_values(outcomes):
    absent = outcomes["absent"]
    assert (absent.failed, absent.needed, absent.said) == (None, True, [])
    arguments = absent.options("kernel_arguments")
    assert (arguments["state"], arguments["arguments"], arguments["exclusive"]) == ("absent", [], False)
    states = [absent.options(name)["state"] for name in ("vfio_modules", "memory_lock", "host_events")]
    assert states == ["absent"] * 3


def test_a_word_for_a_boolean_means_what_it_says(outcomes):
    assert (outcomes["words"].failed, outcomes["words"].names) == (None, SETTINGS)
    assert outcomes["words-rebooted"].failed is None
    assert "reboot" in outcomes["words-rebooted"].names


def test_what_was_done_is_shown_on_one_line_and_again_after_a_reboot(outcomes):
    line = "arguments, as before | VFIO at boot, as before | memory lock, as before | events, as before"
    assert outcomes["plain"].shown == outcomes["check"].shown == [line]
    assert outcomes["rebooted"].shown == [line, line]


def test_what_is_missing_is_said_and_without_leave_nothing_is_rebooted(outcomes):
    off = outcomes["off"]
    assert (off.failed, off.needed, off.said, off.names) == (None, True, OFF, SETTINGS)


@pytest.mark.parametrize("name", ["rebooted", "modules-rebooted"])
def test_after_the_reboot_all_is_looked_at_again(outcomes, name):
    rebooted = outcomes[name]
    assert (rebooted.failed, rebooted.needed, rebooted.said) == (None, False, [])
    assert rebooted.names == [*SETTINGS, "reboot", *SETTINGS]
    assert rebooted.options("reboot")["reboot_timeout"] == (1200 if name == "rebooted" else 600)


def test_a_host_that_comes_back_without_its_iommu_fails_with_what_is_missing(outcomes):
    assert outcomes["still-off"].failed == OFF[0]
    assert "reboot" in outcomes["still-off"].names


def test_a_host_that_was_not_booted_with_what_was_set_fails(outcomes):
    assert "the host was rebooted and has not been booted with what was set (grub)" in outcomes["other-entry"].failed


def test_where_a_reboot_changes_nothing_none_is_done(outcomes):
    assert (outcomes["firmware"].failed, outcomes["firmware"].names) == (OFF[0], SETTINGS)
    assert (outcomes["no-reboot"].failed, outcomes["no-reboot"].names) == (None, SETTINGS)


def test_check_mode_says_what_is_needed_and_reboots_nothing(outcomes):
    check = outcomes["check"]
    assert (check.failed, check.needed, check.said) == (None, True, OFF)
    assert check.names == [*SETTINGS, "reboot"]
    assert all(call["check"] for call in check.calls)


def test_a_host_is_rebooted_to_be_as_it_was_and_may_have_no_iommu_then(outcomes):
    absent = outcomes["absent-rebooted"]
    assert (absent.failed, absent.needed, absent.names) == (None, False, [*SETTINGS, "reboot", *SETTINGS])


def test_a_misspelt_word_is_refused_before_anything(outcomes):
    assert (outcomes["misspelt"].names, "hostdev_host_state" in outcomes["misspelt"].failed) == ([], True)


LOOKED = ["setup", "stat", "command"]


def test_packages_are_called_as_the_distribution_calls_them(outcomes):
    debian = outcomes["debian"]
    assert (debian.failed, debian.names) == (None, ["setup", "stat", "package", *SETTINGS])
    assert "python3-libvirt" in debian.options("package")["name"]
    assert "qemu-system-x86" in debian.options("package")["name"]
    assert outcomes["debian-list"].options("package") == {"name": ["qemu-system-x86"], "state": "present"}
    arch = outcomes["arch"]
    assert (arch.failed, arch.names) == (None, [*LOOKED, "package", *SETTINGS])
    assert "libvirt-python" in arch.options("package")["name"]


@pytest.mark.parametrize("name", ["arch-with-libvirt", "ostree-with-libvirt", "unknown-with-libvirt"])
def test_where_libvirt_is_no_module_for_packages_is_needed(outcomes, name):
    there = outcomes[name]
    assert (there.failed, there.said, there.names) == (None, [], [*LOOKED, *SETTINGS])


@pytest.mark.parametrize(
    ("name", "packages"), [("arch-without-module", "libvirt-python"), ("suse-without-module", "libvirt-daemon-qemu")]
)
def test_a_module_that_the_controller_lacks_is_told_with_the_collection_that_has_it(outcomes, name, packages):
    failed = outcomes[name]
    assert "ansible-galaxy collection install community.general" in failed.failed
    assert "hostdev_host_packages: []" in failed.failed
    assert packages in failed.failed
    assert not {*SETTINGS} & {*failed.names}


def test_another_trouble_with_packages_is_told_as_it_is(outcomes):
    assert outcomes["suse-failing"].failed == "No provider of 'qemu' found."


@pytest.mark.parametrize(("name", "packages"), [("ostree", "libvirt-daemon-kvm"), ("ostree-list", "libvirt qemu-kvm")])
def test_on_an_image_of_ostree_it_is_said_what_to_layer(outcomes, name, packages):
    ostree = outcomes[name]
    assert (ostree.failed, ostree.names) == (None, [*LOOKED, *SETTINGS])
    assert len(ostree.said) == 1
    assert f"rpm-ostree install {packages}" in ostree.said[0]


def test_unknown_names_of_packages_are_asked_for(outcomes):
    assert "it is not known how libvirt's packages are called on Alpine" in outcomes["unknown"].failed


def test_what_ansible_core_says_of_a_module_that_it_lacks_is_known():
    task = ["-m", "ansible.builtin.package", "-a", "name=x use=kvm_hostdev_no_such_packager"]
    command = [sys.executable, "-m", "ansible.cli.adhoc", "localhost", "-c", "local", *task]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "matching action" in said.stdout + said.stderr
    assert "'matching action' in" in (ROLE / "tasks/install.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("programs", "binding", "there"),
    [
        ({"libvirtd", "qemu-kvm"}, True, True),
        ({"virtqemud", f"qemu-system-{os.uname().machine}"}, True, True),
        ({"virtqemud", "qemu-kvm"}, False, False),
        ({"virtqemud"}, True, False),
        ({"qemu-kvm"}, True, False),
    ],
)
def test_libvirt_is_looked_for_with_its_emulator_and_binding(tmp_path, programs, binding, there):
    text = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__host_looks"]
    pythons = re.findall(r"/usr/\S+/(?:platform-)?python3?(?=[ ;])", text)
    assert len(pythons) == 3
    for name in programs:
        (tmp_path / name).symlink_to("/bin/true")
    python = tmp_path / "interpreter"
    python.symlink_to("/bin/true" if binding else "/bin/false")
    for path in pythons:
        text = text.replace(path, str(python), 1)
    text = text.replace("/usr/sbin:/usr/libexec", str(tmp_path)).replace("uname -m", f"echo {os.uname().machine}")
    shell = shutil.which("sh")
    done = subprocess.run([shell, "-c", text], env={"PATH": str(tmp_path)}, check=False, capture_output=True)
    assert (done.returncode == 0) is there, done.stderr
