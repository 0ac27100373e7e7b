# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept on a host: put there, unchanged by a second run, removed without a trace, whole after a cut."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot import own_files, own_links
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence import program
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.keeping import Keeper
from ansible_collections.kvm.hostdev.plugins.module_utils._host.persistence.kept import Kept
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import (
    DOMAINS,
    HOOK,
    PROGRAM,
    RESTORE,
    RULES,
    SETTLED,
    UNITS,
    WANTED,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.rules import rules
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.units import unit_texts
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, device, holding

NIC, DISK = "0000:00:04.0", "0000:00:05.0"
UNIT = f"{UNITS}/{RESTORE}"
SOURCES = {"_host/restore/main.py": b"def main(words):\n    return 0\n", "_model/errors.py": b""}
PYTHON = "/usr/bin/python3"
RELOADS = [("systemctl", "daemon-reload"), ("udevadm", "control", "--reload")]


def function(address, **fields):
    place = address.replace(":", "_")
    return holding(address, identity=device(address, stable_path=place, **fields).identity)


def tracker(*holdings, persist=True):
    return Tracker([replace(claim(WEB, *holdings), persist=persist)])


PERSISTENT, NOTHING = tracker(function(NIC)), tracker(function(NIC), persist=False)


class Programs:
    """Those of the host: they note what they are asked, or are not there, or fail."""

    def __init__(self, present=("systemctl", "udevadm"), failing=False):
        self.runs, self.present, self.failing = [], present, failing

    def has(self, name):
        return name in self.present

    def demand(self, *words, seconds):
        assert seconds <= 60
        self.runs.append(words)
        if self.failing:
            raise HostdevError("program_failed", subject=" ".join(words), found="exit status 1")
        return ""


class Host:
    """A host's /etc below a folder; each `keeper` is one of another run."""

    def __init__(self, root):
        self.root, self.programs, self.sources = root, Programs(), dict(SOURCES)
        for folder in ("run/systemd/system", "etc/systemd/system", "etc/udev/rules.d", "etc/libvirt", "usr/bin"):
            (root / folder).mkdir(parents=True)
        self.local("/usr/bin/python3.11").touch()
        self.local(PYTHON).symlink_to("python3.11")

    def local(self, path):
        return self.root / path[1:]

    def keeper(self, python=PYTHON):
        return Keeper(Tree(str(self.root)), self.sources.__getitem__, python, self.programs)

    def whole(self):
        """All that is there: folders, files with content and mode, links with where they lead; /run/ without marks."""
        found = {}
        for path in sorted(set(self.root.rglob("*")) - {self.local(SETTLED)}):
            mode = stat.S_IMODE(path.lstat().st_mode)
            content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(self.root))] = (content, None if path.is_symlink() else mode)
        return found


@pytest.fixture
def host(folder, monkeypatch):
    monkeypatch.setattr(program, "FILES", tuple(sorted(SOURCES)))
    return Host(folder)


def headers(diff):
    assert all(entry["before_header"] == entry["after_header"] for entry in diff)
    return [entry["after_header"] for entry in diff]


ENABLED = [f"{WANTED}/{RESTORE}", f"{WANTED}/{DOMAINS}"]
INSTALLED = [PROGRAM, UNIT, f"{UNITS}/{DOMAINS}", HOOK]


def test_all_of_it_lies_there_and_goes_without_a_trace(host):
    before = host.whole()
    diff = host.keeper().keep(PERSISTENT)
    assert headers(diff) == [*INSTALLED, RULES, *ENABLED]
    for name, text in unit_texts(PYTHON, storage=False).items():
        assert host.local(f"{UNITS}/{name}").read_text() == text
        assert os.readlink(host.local(f"{WANTED}/{name}")) == f"{UNITS}/{name}"
    assert host.local(RULES).read_text() == rules(PERSISTENT)
    assert stat.S_IMODE(host.local(HOOK).stat().st_mode) == 0o755
    assert stat.S_IMODE(host.local(PROGRAM).stat().st_mode) == 0o644
    removal = host.keeper().keep(NOTHING)
    assert host.whole() == before
    assert sorted(headers(removal)) == sorted(headers(diff))
    assert {(one["after"], two["before"]) for one, two in zip(by_path(diff), by_path(removal))} == {
        (entry["after"], entry["after"]) for entry in diff
    }
    assert {entry["after"] for entry in removal} == {""}
    assert host.programs.runs == RELOADS * 2


def test_a_host_that_runs_has_udev_leave_no_disk_alone_when_it_gets_the_rules(host, monkeypatch):
    """A disk that is given back is the host's at once."""
    disk = tracker(function(DISK, class_id="010802"))
    host.keeper().keep(disk, check=True)
    assert not host.local(SETTLED).exists()
    settled = []
    write = Kept.write

    def noted(kept, path, text, **options):
        settled.extend([host.local(SETTLED).exists()] if path == RULES else [])
        write(kept, path, text, **options)

    monkeypatch.setattr(Kept, "write", noted)
    host.keeper().keep(disk)
    assert settled == [True]
    host.keeper().keep(NOTHING)
    assert host.local(SETTLED).exists()


def by_path(diff):
    return sorted(diff, key=lambda entry: entry["after_header"])


def test_what_others_have_in_the_same_folders_stays_and_so_do_those(host):
    for path in (f"{WANTED}/cron.service", "/etc/libvirt/hooks/qemu.d/own", "/etc/kvm.hostdev/kernel_arguments.json"):
        host.local(path).parent.mkdir(parents=True, exist_ok=True)
        host.local(path).write_text("1")
    before = host.whole()
    host.keeper().keep(PERSISTENT)
    host.keeper().keep(NOTHING)
    assert host.whole() == before


def test_empty_folders_that_were_there_stay(host):
    host.local(WANTED).mkdir()
    host.local(HOOK).parent.mkdir(parents=True)
    before = host.whole()
    host.keeper().keep(PERSISTENT)
    host.keeper().keep(NOTHING)
    assert host.whole() == before


def test_a_second_run_changes_nothing_builds_nothing_and_reloads_nothing(host, monkeypatch):
    host.keeper().keep(PERSISTENT)
    before, host.programs.runs = host.whole(), []
    monkeypatch.setattr(program, "build", None)
    keeper = host.keeper()
    assert (keeper.prepare(), keeper.keep(PERSISTENT), keeper.keep(PERSISTENT)) == ([], [], [])
    assert (host.whole(), host.programs.runs) == (before, [])


def test_systemd_and_udev_are_told_once_of_each_change(host):
    keeper = host.keeper()
    keeper.prepare()
    keeper.keep(PERSISTENT)
    keeper.keep(PERSISTENT)
    assert host.programs.runs == RELOADS
    keeper.keep(NOTHING)
    assert host.programs.runs == RELOADS * 2


def test_what_a_run_left_that_was_cut_off_is_tidied_though_nothing_else_is_to_do(host):
    host.keeper().keep(PERSISTENT)
    before = host.whole()
    for path in (*INSTALLED, RULES, *ENABLED):
        with open(own_files.beside(str(host.local(path))), "w") as left:
            left.write("half")
    host.keeper().keep(PERSISTENT)
    assert host.whole() == before


def test_a_host_with_nothing_to_keep_is_left_alone(host):
    before = host.whole()
    assert host.keeper().keep(NOTHING) == []
    assert (host.whole(), host.programs.runs) == (before, [])


def test_before_a_device_is_touched_nothing_is_enabled(host):
    keeper = host.keeper()
    assert headers(keeper.prepare()) == INSTALLED
    assert not host.local(RULES).exists()
    assert not host.local(WANTED).exists()
    assert headers(keeper.keep(PERSISTENT)) == [*INSTALLED, RULES, *ENABLED]
    assert host.programs.runs == RELOADS


def test_a_change_that_was_not_made_leaves_nothing(host):
    before = host.whole()
    keeper = host.keeper()
    keeper.prepare()
    assert keeper.keep(NOTHING) == []
    assert host.whole() == before


def test_check_mode_writes_nothing_and_has_the_same_diff(host):
    before = host.whole()
    keeper = host.keeper()
    planned = keeper.prepare(check=True), keeper.keep(PERSISTENT, check=True)
    assert (host.whole(), host.programs.runs) == (before, [])
    keeper = host.keeper()
    assert (keeper.prepare(), keeper.keep(PERSISTENT)) == planned
    kept = host.whole()
    planned = host.keeper().keep(NOTHING, check=True)
    assert host.whole() == kept
    assert host.keeper().keep(NOTHING) == planned


def test_rules_and_units_follow_the_record(host):
    host.keeper().keep(PERSISTENT)
    host.programs.runs = []
    more = tracker(function(NIC), function(DISK, class_id="010802"))
    diff = host.keeper().keep(more)
    assert headers(diff) == [UNIT, RULES]
    assert host.local(RULES).read_text() == rules(more)
    assert b"local-fs-pre.target" in host.local(UNIT).read_bytes()
    assert host.programs.runs == RELOADS
    host.programs.runs = []
    assert host.keeper().prepare() == []  # whatever is claimed next, that disk is claimed by now
    assert headers(host.keeper().keep(tracker(function(DISK, class_id="010802")))) == [RULES]
    assert host.programs.runs == RELOADS[1:]


def test_without_a_function_to_keep_there_are_no_rules(host):
    host.keeper().keep(PERSISTENT)
    vfs = MadeVfs("0000:00:06.0", device("0000:00:06.0").identity, PfState(2), PfState(0), persist=True)
    assert headers(host.keeper().keep(Tracker(made_vfs=[vfs]))) == [RULES]
    assert not host.local(RULES).exists()


def test_another_version_replaces_the_program_and_says_which(host):
    keeper = host.keeper()
    keeper.keep(PERSISTENT)
    first = program.digest(host.sources.__getitem__)[:12]
    host.sources["_model/errors.py"] = b"1\n"
    second = program.digest(host.sources.__getitem__)[:12]
    keeper = host.keeper()
    versions = {"before": f"version {first}\n", "after": f"version {second}\n"}
    assert keeper.keep(PERSISTENT) == [{"before_header": PROGRAM, "after_header": PROGRAM, **versions}]
    assert program.digest_in(host.local(PROGRAM).read_bytes())[:12] == second


def test_a_damaged_program_is_made_anew(host):
    host.keeper().keep(PERSISTENT)
    whole = host.local(PROGRAM).read_bytes()
    host.local(PROGRAM).write_bytes(whole[:100] + b"x" + whole[101:])
    assert [entry["before"] for entry in host.keeper().keep(PERSISTENT)] == ["version damaged\n"]
    assert host.local(PROGRAM).read_bytes() == whole


def test_a_hook_that_nobody_may_run_can_be_run_again(host):
    host.keeper().keep(PERSISTENT)
    host.local(HOOK).chmod(0o644)
    host.keeper().keep(PERSISTENT)
    assert stat.S_IMODE(host.local(HOOK).stat().st_mode) == 0o755


def test_without_libvirt_there_is_no_hook(host):
    host.local("/etc/libvirt").rmdir()
    assert HOOK not in headers(host.keeper().keep(PERSISTENT))
    assert not host.local("/etc/libvirt").exists()


def test_programs_that_are_missing_or_fail_keep_nobody_from_anything(host):
    host.programs = Programs(present=())
    keeper = host.keeper()
    keeper.keep(PERSISTENT)
    assert (host.programs.runs, keeper.warnings) == ([], [])
    host.programs = Programs(failing=True)
    keeper = host.keeper()
    keeper.keep(NOTHING)
    assert host.programs.runs == RELOADS
    assert keeper.warnings == ["systemctl daemon-reload: exit status 1.", "udevadm control --reload: exit status 1."]


def refused(host, act="prepare", python=PYTHON):
    before = host.whole()
    with pytest.raises(HostdevError) as refusal:
        host.keeper(python).prepare() if act == "prepare" else host.keeper(python).keep(PERSISTENT)
    assert host.whole() == before
    return refusal.value.code, refusal.value.subject, refusal.value.found


@pytest.mark.parametrize("act", ["prepare", "keep"])
def test_without_systemd_nothing_comes_back_and_nothing_is_written(host, act):
    host.local("/run/systemd/system").rmdir()
    assert refused(host, act)[:2] == ("persist_failed", "this host")


def test_a_masked_unit_is_no_place_to_write_to(host):
    host.local("/dev").mkdir()
    host.local("/dev/null").touch()
    host.local(UNIT).symlink_to("/dev/null")
    assert refused(host) == ("persist_failed", UNIT, "it is a symbolic link to /dev/null")
    host.keeper().keep(NOTHING)
    assert os.readlink(host.local(UNIT)) == "/dev/null"


def test_a_link_that_leads_elsewhere_is_not_ours_to_remove(host):
    host.local(WANTED).mkdir()
    host.local(ENABLED[0]).symlink_to("/run/own.service")
    before = host.whole()
    host.keeper().keep(NOTHING)
    assert host.whole() == before


@pytest.mark.parametrize("path", [UNIT, HOOK, RULES])
def test_what_somebody_else_has_made_there_is_neither_replaced_nor_removed(host, path):
    host.local(path).parent.mkdir(parents=True, exist_ok=True)
    host.local(path).write_text("#!/bin/sh\nexit 1\n")
    assert refused(host)[:2] == ("foreign_file", path)
    before = host.whole()
    assert host.keeper().keep(NOTHING) == []
    assert host.whole() == before


def test_what_others_may_write_to_is_not_to_be_run_by_root(host):
    host.keeper().keep(PERSISTENT)
    host.local(PROGRAM).parent.chmod(0o777)
    code, subject, found = refused(host)
    assert (code, subject) == ("persist_failed", PROGRAM)
    assert found.endswith("has mode 0777, so that others may write to it")


@pytest.mark.parametrize("path", [PROGRAM, UNIT, HOOK, RULES, f"{WANTED}/{RESTORE}"])
def test_a_file_that_cannot_be_written_is_named(host, path, monkeypatch):
    real = os.rename

    def rename(old, new):
        if new == str(host.local(path)):
            raise OSError(28, "No space left on device", new)
        real(old, new)

    monkeypatch.setattr(own_files.os, "rename", rename)
    with pytest.raises(HostdevError) as refusal:
        host.keeper().keep(PERSISTENT)
    assert (refusal.value.code, refusal.value.subject) == ("persist_failed", path)
    assert refusal.value.found == "No space left on device"


@pytest.mark.parametrize(
    ("python", "wanted"),
    [("/usr/bin/python3.11", PYTHON), ("/opt/venv/bin/python", PYTHON), ("/opt/py/bin/python", "/opt/py/bin/python")],
)
def test_the_units_and_the_hook_start_the_hosts_own_python_where_it_is_the_one(host, python, wanted):
    for folder, target in (("venv", str(host.local(PYTHON))), ("py", "python3.13")):
        host.local(f"/opt/{folder}/bin").mkdir(parents=True)
        host.local(f"/opt/{folder}/bin/python").symlink_to(target)
    host.keeper(python).keep(PERSISTENT)
    assert f"ExecStart={wanted} -I " in host.local(UNIT).read_text()
    assert f"ExecStart={wanted} -I " in host.local(f"{UNITS}/{DOMAINS}").read_text()
    assert f"python='{wanted}'\n" in host.local(HOOK).read_text()


@pytest.mark.parametrize("python", ["", "python3"])
def test_a_python_that_nobody_can_name_is_none_for_a_unit(host, python):
    assert refused(host, python=python)[:2] == ("persist_failed", "the Python that runs this task")


class Cut(BaseException):
    """The machine stops."""


_EFFECTS = ("rename", "unlink", "mkdir", "rmdir", "symlink", "open", "chmod")


class Power:
    """Counts what changes the disk, and cuts the power at one of them."""

    def __init__(self, monkeypatch):
        self.left, self.done = None, 0
        assert own_links.os is own_files.os is os
        for name in _EFFECTS:
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name, real):
        def call(*arguments, **named):
            if name == "open" and not arguments[1] & os.O_CREAT:
                return real(*arguments, **named)
            if self.left == 0:
                raise Cut
            self.left = None if self.left is None else self.left - 1
            self.done += 1
            return real(*arguments, **named)

        return call


def test_after_a_cut_at_any_point_the_next_run_comes_to_the_same_end(host, monkeypatch):
    """Whether it goes on, or takes all back; and rules never stand without what gives the devices to somebody."""
    before, power = host.whole(), Power(monkeypatch)
    host.keeper().keep(PERSISTENT)
    kept, steps = host.whole(), power.done
    host.keeper().keep(NOTHING)
    assert steps > 20
    ways = ((NOTHING, PERSISTENT), (PERSISTENT, NOTHING))
    for first, then in ways:
        for again in ways:
            for left in range(60):
                power.left = None
                host.keeper().keep(first)
                power.left = left
                with contextlib.suppress(Cut):
                    host.keeper().keep(then)
                reached, power.left = power.left == 0, None
                if host.local(RULES).exists():
                    assert all(host.local(path).exists() for path in (PROGRAM, UNIT))
                    assert all(host.local(path).is_symlink() for path in ENABLED)
                for wanted in again:
                    host.keeper().keep(wanted)
                    assert host.whole() == (kept if wanted is PERSISTENT else before), (then, left)
                if not reached:
                    break
            else:
                pytest.fail("not all points were reached")
