# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.vfio_at_boot import NOTE
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.vfio_files import INITRAMFS, MARK
from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import own_files
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import (
    GENERATORS,
    IMAGES,
    NEW,
    OLD,
    CutOff,
    configured,
    lay_out,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfio_host import VfioHost

LOAD, MODPROBE = "/etc/modules-load.d/kvm-hostdev.conf", "/etc/modprobe.d/kvm-hostdev.conf"
FULL = {"softdeps": ["nvme"], "options": {"disable_idle_d3": True}, "initramfs": True}
RUNS = {
    "initramfs_tools": ["update-initramfs -u -k all"],
    "dracut": [
        f"dracut --force --kver {OLD} /boot/.initramfs-{OLD}.img.kvm-hostdev",
        f"dracut --force --kver {NEW} /boot/0123/{NEW}/.initrd.kvm-hostdev",
    ],
    "mkinitcpio": ["mkinitcpio -P"],
}
OF_INITRAMFS = {
    "initramfs_tools": (
        f'#!/bin/sh\n{MARK}\ncase "${{1:-}}" in\nprereqs) exit 0 ;;\nesac\n'
        ". /usr/share/initramfs-tools/hook-functions\nforce_load vfio_pci\nforce_load vfio_iommu_type1\n"
    ),
    "dracut": f'{MARK}\nforce_drivers+=" vfio_pci vfio_iommu_type1 "\ninstall_items+=" {MODPROBE} "\n',
    "mkinitcpio": f"{MARK}\nMODULES+=(vfio_pci vfio_iommu_type1)\nFILES+=({MODPROBE})\n",
}


@pytest.fixture
def host(folder, tmp_path, monkeypatch, capsys):
    return VfioHost(folder, f"{tmp_path}/lock", monkeypatch, capsys)


def test_two_runs_at_once_wait_for_each_other(host):
    lay_out(host.root, None)
    before = host.picture()
    with locked(host.lock, seconds=0):
        assert host.run(lock_timeout=0)["error"]["code"] == "locked"
        assert host.run(lock_timeout=0, check_mode=True)["changed"] is True
    assert host.picture() == before


@pytest.mark.parametrize("generator", [None, *GENERATORS])
def test_without_an_initramfs_one_file_has_vfio_loaded(host, generator):
    lay_out(host.root, generator)
    before = host.picture()
    result = host.run()
    assert (result["changed"], result["files"], result["reboot_needed"]) == (True, [LOAD], False)
    assert result["initramfs"] == {"generator": None, "rebuilt": False}
    assert host.text(LOAD) == f"{MARK}\nvfio_pci\nvfio_iommu_type1\n"
    assert host.picture().keys() - before.keys() == {LOAD[1:]}
    assert "diff" not in result
    assert host.run()["changed"] is False
    assert host.run(state="absent")["changed"] is True
    assert (host.programs.log, host.picture()) == ([], before)
    assert host.run(state="absent")["changed"] is False


@pytest.mark.parametrize("generator", GENERATORS)
def test_softdeps_options_and_an_initramfs(host, generator):
    lay_out(host.root, generator)
    before = host.picture()

    planned = host.run(**FULL, check_mode=True, diff=True)
    assert (host.picture(), host.programs.log) == (before, [])

    done = host.run(**FULL, diff=True)
    assert (done["changed"], done["initramfs"]) == (True, {"generator": generator, "rebuilt": True})
    assert done["msg"] == (
        f"VFIO at boot written ({LOAD}, {MODPROBE}, {INITRAMFS[generator]}); initramfs made anew; a reboot is needed"
    )
    assert planned["msg"] == done["msg"].replace("written", "would be written").replace("made", "would be made")
    alike = done.keys() - {"invocation", "msg"}
    assert {key: planned[key] for key in alike} == {key: done[key] for key in alike}
    assert done["files"] == sorted([LOAD, MODPROBE, INITRAMFS[generator]])
    assert done["reboot_needed"] is True
    assert host.text(MODPROBE) == (
        f"{MARK}\nsoftdep nvme pre: vfio-pci nvme_auth post: nvme_late\noptions vfio-pci disable_idle_d3=1\n"
    )
    assert host.text(INITRAMFS[generator]) == OF_INITRAMFS[generator]
    assert bool(os.stat(f"{host.root}{INITRAMFS[generator]}").st_mode & stat.S_IXUSR) is (
        generator == "initramfs_tools"
    )
    assert host.programs.log == RUNS[generator]
    for image in IMAGES[generator]:
        assert host.text(image) == configured(host.root, generator)
    assert [(entry["before_header"], entry["before"], entry["after"]) for entry in done["diff"]] == [
        (path, "", host.text(path)) for path in (LOAD, MODPROBE, INITRAMFS[generator])
    ]
    assert host.text(NOTE) is None

    again = host.run(**FULL, diff=True)
    assert (again["changed"], again["diff"], again["initramfs"]["rebuilt"], host.programs.log) == (False, [], False, [])
    assert again["reboot_needed"] is True  # written since the host was booted
    files(host.root, {"/proc/stat": f"cpu  1 2\nbtime {2**31}\n"})
    assert host.run(**FULL)["reboot_needed"] is False
    os.unlink(host.root / "proc/stat")
    os.rmdir(host.root / "proc")

    planned = host.run(state="absent", check_mode=True, diff=True)
    assert host.text(MODPROBE) is not None
    gone = host.run(state="absent", diff=True)
    assert (gone["changed"], gone["files"], gone["initramfs"]) == (True, [], done["initramfs"])
    assert planned["diff"] == gone["diff"]
    assert [(entry["before"], entry["after"]) for entry in gone["diff"]] == [
        (entry["after"], entry["before"]) for entry in done["diff"]
    ]
    assert host.programs.log == RUNS[generator]
    assert host.picture() == before
    assert host.run(state="absent")["changed"] is False
    assert host.programs.log == []


@pytest.mark.parametrize("generator", GENERATORS)
def test_folders_that_were_made_go_with_the_files(host, generator):
    lay_out(host.root, generator)
    for name in ("modules-load.d", "dracut.conf.d", "mkinitcpio.conf.d", "initramfs-tools/hooks", "initramfs-tools"):
        if (host.root / "etc" / name).exists():
            os.rmdir(host.root / "etc" / name)
    before = host.picture()
    assert host.run(**FULL)["changed"] is True
    assert host.run(**FULL)["changed"] is False
    assert host.run(state="absent")["changed"] is True
    assert host.picture() == before


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_initramfs_is_made_anew_only_for_what_goes_into_it(host, generator):
    lay_out(host.root, generator)
    host.run(softdeps=["nvme"])
    assert host.programs.log == []
    host.run(**{**FULL, "options": None})
    assert host.programs.log == RUNS[generator]
    host.run(**FULL)
    assert host.programs.log == RUNS[generator]
    host.run(**FULL)
    assert host.programs.log == []
    host.run(**{**FULL, "initramfs": False})
    assert host.programs.log == RUNS[generator]
    assert host.text(INITRAMFS[generator]) is None
    assert host.text(IMAGES[generator][0]) == configured(host.root, generator)
    host.run(state="absent")
    assert host.programs.log == []


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_tool_that_fails_is_told_and_the_next_run_makes_up_for_it(host, generator):
    lay_out(host.root, generator)
    before = host.picture()
    images = [host.text(image) for image in IMAGES[generator]]
    host.programs.fails = True
    result = host.run(**FULL)
    assert (result["error"]["code"], "exit status 1" in result["msg"]) == ("program_failed", True)
    if generator == "dracut":  # which would have removed the image
        assert [host.text(image) for image in IMAGES[generator]] == images
    host.programs.fails = False
    planned = host.run(**FULL, check_mode=True)
    assert (planned["changed"], planned["initramfs"]["rebuilt"]) == (True, True)
    result = host.run(**FULL)
    assert (result["changed"], result["initramfs"]["rebuilt"], host.programs.log) == (True, True, RUNS[generator])
    assert host.text(IMAGES[generator][1]) == configured(host.root, generator)
    assert host.run(**FULL)["changed"] is False

    host.programs.fails = True
    assert host.run(state="absent")["error"]["code"] == "program_failed"
    host.programs.fails = False
    assert host.run(state="absent")["initramfs"]["rebuilt"] is True
    assert host.picture() == before


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_initramfs_that_was_made_after_a_boot_waits_for_the_next_one(host, generator):
    lay_out(host.root, generator)
    host.programs.fails = True
    host.run(**FULL)
    host.programs.fails = False
    for path in (LOAD, MODPROBE, INITRAMFS[generator]):
        os.utime(host.root / path[1:], (1000, 1000))
    files(host.root, {"/proc/stat": "btime 2000\n"})
    results = [host.run(**FULL) for _run in range(2)]
    assert [(one["changed"], one["reboot_needed"]) for one in results] == [(True, True), (False, True)]
    os.utime(host.root / INITRAMFS[generator][1:], (1500, 1500))
    assert host.run(**FULL)["reboot_needed"] is False


class Effects:
    """Counts what changes the file system, and has the power go after so many of them."""

    NAMES = ("rename", "unlink", "mkdir", "rmdir")

    def __init__(self, monkeypatch):
        self.left, self.count = None, 0
        for name in self.NAMES:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, call):
        def counted(*arguments, **options):
            if self.left == 0:
                raise CutOff
            value = call(*arguments, **options)
            self.count += 1
            if self.left is not None:
                self.left -= 1
            return value

        return counted


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("first", ["present", "absent"])
@pytest.mark.parametrize("then", ["present", "absent"])
def test_after_a_cut_at_any_effect_the_next_run_completes(host, monkeypatch, generator, first, then):
    lay_out(host.root, generator)
    (host.root / "etc/modules-load.d").rmdir()
    states = {"absent": host.picture()}
    host.run(**FULL)
    states["present"] = host.picture()
    other = {"present": "absent", "absent": "present"}[first]
    host.run(**FULL, state=other)
    effects = Effects(monkeypatch)
    for after in range(100):
        effects.left = after
        try:
            host.run(**FULL, state=first)
            break
        except CutOff:
            effects.left = None
        host.run(**FULL, state=then)
        assert host.picture() == states[then], after
        host.run(**FULL, state=other)
        assert host.picture() == states[other], after
    assert 6 <= after < 100


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_cut_in_the_middle_of_the_tool(host, generator, state):
    lay_out(host.root, generator)
    before = host.picture()
    host.programs.cut = True
    with pytest.raises(CutOff):
        host.run(**FULL)
    host.programs.cut = False
    for image in IMAGES[generator]:
        assert generator == "mkinitcpio" or not host.text(image).startswith("kvm")
    assert host.run(**FULL, state=state)["initramfs"]["rebuilt"] is True
    host.run(state="absent")
    assert host.picture() == before


@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_dracut_that_was_killed_left_behind_goes(host, state):
    lay_out(host.root, "dracut")
    before = host.picture()
    host.run(**FULL)
    files(host.root, {NOTE: "initramfs\n"} | {run.split()[-1]: "kvm" for run in RUNS["dracut"]})
    assert host.run(**FULL, state=state)["initramfs"]["rebuilt"] is True
    host.run(state="absent")
    assert host.picture() == before


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("path", [LOAD, MODPROBE, *INITRAMFS.values()])
def test_a_file_of_somebody_else_is_left_alone_and_named(host, path, state):
    lay_out(host.root, "dracut", {path: "vfio-pci\n"})
    before = host.picture()
    error = host.run(state=state)["error"]
    assert (error["code"], error["subject"], host.picture()) == ("foreign_file", path, before)


def test_a_note_names_no_folder_outside_of_etc(host):
    lay_out(host.root, None, {NOTE: "folder /boot\nfolder /etc/empty\n"})
    (host.root / "boot").mkdir()
    (host.root / "etc/empty").mkdir()
    host.run(state="absent")
    assert ((host.root / "boot").exists(), (host.root / "etc/empty").exists()) == (True, False)


def test_only_root_may(host, monkeypatch):
    monkeypatch.setattr(own_files.os, "geteuid", lambda: 1000)
    assert host.run()["error"]["code"] == "not_root"
