# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs and writes that fail: everything is as it was, or the book has what is not."""

from __future__ import annotations

import os
import re

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.carrying_out import BOOK
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.hosts import made

ASKED = ("intel_iommu=on", "iommu=pt")


@pytest.fixture
def host_of(folder, monkeypatch):
    return lambda name: made(name, folder, monkeypatch)


@pytest.mark.parametrize("trouble", ["failing", "truncated"])
@pytest.mark.parametrize("name", ["grub_debian", "grub_generated", "suse_grub", "proxmox_mixed"])
def test_a_generator_that_fails_leaves_everything_as_it_was(host_of, name, trouble):
    host = host_of(name)
    program = next(
        host.programs.functions[word] for word in ("grub-mkconfig", "grub2-mkconfig") if host.programs.has(word)
    )
    before = host.whole()
    setattr(program, trouble, True)
    with pytest.raises(HostdevError) as caught:
        host.run(*ASKED)
    assert "undo_failed" not in caught.value.details
    assert host.whole() == before
    setattr(program, trouble, False)
    host.run(*ASKED)
    after = host.whole()
    setattr(program, trouble, True)
    with pytest.raises(HostdevError):
        host.absent()
    assert host.whole() == after


def test_a_later_file_that_assigns_the_variable_anew_is_found_out(host_of):
    host = host_of("grub_debian")
    host.write("/etc/default/grub.d/zzz.cfg", 'GRUB_CMDLINE_LINUX="net.ifnames=0"\n')
    before = host.whole()
    with pytest.raises(HostdevError, match="has no intel_iommu=on"):
        host.run(*ASKED)
    assert host.whole() == before


@pytest.mark.parametrize("name", ["grub_debian", "grub_generated", "suse_grub", "proxmox_mixed"])
def test_a_word_that_the_new_configuration_would_lose_is_told_and_the_old_one_stays(host_of, name):
    """The host may not boot without it, whyever the files don't have it."""
    host = host_of(name)
    folder = "/run/kvm.hostdev.boot/E5F6-0718" if name == "proxmox_mixed" else "/boot"
    config = f"{folder}/grub{'' if host.programs.has('grub-mkconfig') else '2'}/grub.cfg"
    made = host.read(config)
    host.write(config, re.sub(r" ro\b", " ro rd.luks.uuid=luks-1", made))
    before = host.whole()
    with pytest.raises(HostdevError, match=r"would have rd\.luks\.uuid=luks-1 no more") as caught:
        host.run(*ASKED)
    assert (caught.value.code, "undo_failed" in caught.value.details) == ("boot_files", False)
    assert f"-mkconfig -o {config.replace(folder, '/boot')} by hand" in caught.value.remedy
    assert host.whole() == before
    host.write(config, made)  # by hand
    assert host.run(*ASKED).changed is True


def test_a_configuration_with_a_wrong_syntax_is_not_put_in_place(host_of):
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Ended

    host = host_of("grub_debian")
    before = host.whole()
    host.programs.functions["grub-script-check"] = lambda _path: Ended(1, "", "syntax error")
    with pytest.raises(HostdevError, match="syntax error"):
        host.run(*ASKED)
    assert host.whole() == before


def test_a_write_that_fails_is_undone(host_of, monkeypatch):
    host = host_of("grub_bls")
    before = host.whole()
    real, renames = os.rename, []

    def full(source, target):
        renames.append(target)
        if target.endswith("/etc/default/grub") and len(renames) < 6:
            raise OSError(28, "No space left on device", target)
        real(source, target)

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(HostdevError, match="No space left on device") as caught:
        host.run(*ASKED)
    assert (caught.value.code, caught.value.subject) == ("boot_files", "/etc/default/grub")
    assert len(renames) > 5
    assert host.whole() == before


def test_an_undo_that_fails_says_so_and_the_book_stays(host_of, monkeypatch):
    host = host_of("grub_bls")
    before = host.whole()
    real, renames = os.rename, []

    def broken(source, target):
        renames.append(target)
        if len(renames) > 3:
            raise OSError(5, "Input/output error", target)
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", broken)
        with pytest.raises(HostdevError, match="undoing it failed as well") as caught:
            host.run(*ASKED)
    assert "Input/output error" in caught.value.details["undo_failed"]
    assert host.exists(BOOK)
    host.absent()
    assert host.whole() == before
