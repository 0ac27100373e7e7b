# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.mounts import Mounts
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_boot import FakePrograms, Power

UUID = "A1B2-C3D4"
SOURCE = f"/dev/disk/by-uuid/{UUID}"


class Numbers(Tree):
    """A tree in which the partition is a block device."""

    def block_number(self, path):
        return "254:2" if path == SOURCE else None


@pytest.fixture
def programs():
    programs = FakePrograms(Power())
    programs.functions["mount"] = programs.functions["umount"] = lambda *_words: Ended(0, "", "")
    return programs


@pytest.fixture
def mounts_of(folder, programs, monkeypatch):
    entered = []
    monkeypatch.setattr(Mounts, "_enter_namespace", lambda _mounts: entered.append(True))

    def make(*, check=False, mountinfo=""):
        (folder / "proc/self").mkdir(parents=True, exist_ok=True)
        (folder / "proc/self/mountinfo").write_text(mountinfo)
        mounts = Mounts(Numbers(str(folder)), programs, check=check)
        mounts.entered = entered
        return mounts

    return make


@pytest.mark.parametrize(("check", "mode"), [(False, "rw"), (True, "ro")])
def test_a_partition_is_mounted_once_apart_from_others(mounts_of, programs, folder, check, mode):
    mounts = mounts_of(check=check)
    place = f"/run/kvm.hostdev.boot/{UUID}"
    assert [mounts.partition(UUID), mounts.partition(UUID)] == [place, place]
    assert programs.calls == [("mount", "-o", mode, SOURCE, place)]
    assert mounts.entered == [True]
    assert (folder / place.lstrip("/")).is_dir()


def test_one_that_others_have_mounted_is_used_where_it_is(mounts_of, programs):
    lines = (
        "40 22 254:2 /sub /elsewhere rw - vfat /dev/vda2 rw\n"
        "41 22 254:1 / /boot rw - ext4 /dev/vda1 rw\n"
        "42 22 254:2 / /boot/efi rw,relatime shared:9 - vfat /dev/vda2 rw\n"
    )
    mounts = mounts_of(mountinfo=lines)
    assert mounts.partition(UUID) == "/boot/efi"
    assert (programs.calls, mounts.entered) == ([], [])


def test_one_that_can_t_be_mounted_is_an_error(mounts_of, programs):
    programs.functions["mount"] = lambda *_words: Ended(32, "", f"mount: {SOURCE}: can't find it.\n")
    with pytest.raises(HostdevError, match="can't find it") as caught:
        mounts_of().partition(UUID)
    assert (caught.value.code, caught.value.subject) == ("boot_partition_unmounted", f"ESP {UUID}")


def test_a_folder_over_another_goes_when_the_block_ends_in_trouble(mounts_of, programs):
    mounts = mounts_of()

    def trouble():
        with mounts.over("/esp", "/boot"):
            assert programs.calls == [("mount", "--bind", "/esp", "/boot")]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        trouble()
    assert programs.calls[-1] == ("umount", "/boot")
