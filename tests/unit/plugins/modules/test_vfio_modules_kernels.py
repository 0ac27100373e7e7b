# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What vfio_modules makes of the kernels and the generator of an initramfs that a host has."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.vfio_at_boot import NOTE
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.vfio_files import INITRAMFS, MARK
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import IMAGES, NEW, OLD, add_generator, lay_out
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files
from ansible_collections.kvm.hostdev.tests.unit.helpers.vfio_host import VfioHost

LOAD, MODPROBE = "/etc/modules-load.d/kvm-hostdev.conf", "/etc/modprobe.d/kvm-hostdev.conf"
FULL = {"softdeps": ["nvme"], "options": {"disable_idle_d3": True}, "initramfs": True}


@pytest.fixture
def host(folder, tmp_path, monkeypatch, capsys):
    return VfioHost(folder, f"{tmp_path}/lock", monkeypatch, capsys)


def test_kernels_are_told_with_what_they_have(host):
    lay_out(host.root, None)
    assert host.run(check_mode=True)["kernels"] == {
        OLD: {
            "vfio": "module",
            "vfio_pci": "module",
            "vfio_pci_core": "module",
            "vfio_iommu_type1": "module",
            "vfio_iommu_spapr_tce": "missing",
            "vfio_virqfd": "module",
        },
        NEW: {
            "vfio": "module",
            "vfio_pci": "module",
            "vfio_pci_core": "module",
            "vfio_iommu_type1": "module",
            "vfio_iommu_spapr_tce": "missing",
            "vfio_virqfd": "missing",
        },
    }


BUILTIN = "kernel/drivers/vfio/vfio.ko\nkernel/drivers/vfio/vfio_iommu_type1.ko\nkernel/drivers/vfio/pci/vfio-pci.ko\n"


def test_where_vfio_is_built_in_nothing_is_loaded_and_modprobe_d_has_no_effect(host):
    files(host.root, {f"/lib/modules/{NEW}/modules.builtin": f"{BUILTIN}kernel/drivers/nvme/host/nvme.ko\n"})
    result = host.run(softdeps=["nvme"], options={"disable_vga": True, "nointxmask": False})
    assert result["files"] == [MODPROBE]
    assert result["kernels"][NEW]["vfio_pci"] == "builtin"
    assert host.warnings == [
        f"vfio_pci is built into the kernel {NEW}, where modprobe.d has no effect: give vfio-pci.disable_vga "
        "vfio-pci.nointxmask to the kernel's command line instead",
        f"vfio_pci is built into the kernel {NEW}: it is there before any module, and softdeps change nothing",
        f"nvme is built into the kernel {NEW}: it binds before any module is loaded, and no softdep changes that",
    ]
    assert host.run(state="absent")["changed"] is True
    result = host.run()
    assert (result["changed"], result["files"], host.warnings) == (False, [], [])


def test_a_kernel_that_has_vfio_built_in_beside_one_that_loads_it(host):
    lay_out(host.root, None, {"/lib/modules/6.14/modules.builtin": BUILTIN})
    host.run()
    assert host.text(LOAD) == f"{MARK}\nvfio_pci\nvfio_iommu_type1\n"


def test_a_kernel_without_vfio_keeps_it_from_being_loaded(host):
    lay_out(host.root, "dracut", {"/lib/modules/6.12.57+deb13-cloud-amd64/modules.dep": "kernel/fs/ext4/ext4.ko:\n"})
    result = host.run(initramfs=True)
    assert (result["files"], result["changed"], host.programs.log) == ([], False, [])
    (warning,) = host.warnings
    assert "the kernel 6.12.57+deb13-cloud-amd64 lacks it" in warning


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        ({f"/lib/modules/{NEW}/modules.dep": "kernel/fs/ext4/ext4.ko:\n"}, f"no installed kernel has it ({NEW})"),
        ({}, "there is no kernel in /lib/modules"),
    ],
)
def test_without_vfio_in_any_kernel_there_is_nothing_to_load(host, contents, found):
    files(host.root, contents)
    error = host.run()["error"]
    assert (error["code"], error["found"]) == ("vfio_missing", found)
    assert host.run(state="absent")["changed"] is False


@pytest.mark.parametrize(
    ("options", "subject", "told"),
    [
        ({"modules": ["vfio-pci", "vfio_virqfd"]}, "modules[1]", "vfio_pci draws it in wherever it is a module"),
        ({"modules": ["vfio_pcj"]}, "modules[0]", "vfio_pci"),
        ({"softdeps": ["nvmee"]}, "softdeps[0]", "nvme"),
        ({"softdeps": ["nvme pre: x"]}, "softdeps[0]", "of letters, digits"),
        ({"modules": ["vfio_pci disable_vga=1"]}, "modules[0]", "give its parameters with options"),
    ],
)
def test_names_that_no_kernel_has_are_refused(host, options, subject, told):
    lay_out(host.root, None)
    error = host.run(**options)["error"]
    assert (error["code"], error["subject"]) == ("invalid_option", subject)
    assert told in f"{error['wanted']} {error['remedy']}"
    assert host.text(LOAD) is None


def test_modules_that_are_asked_for_are_loaded_in_their_order(host):
    lay_out(host.root, None)
    host.run(modules=["vfio-iommu-type1", "vfio_pci", "ext4", "vfio_pci"])
    assert host.text(LOAD) == f"{MARK}\nvfio_iommu_type1\nvfio_pci\n"


def test_another_file_with_a_softdep_of_the_same_driver_is_named(host):
    others = {
        "/usr/lib/modprobe.d/nvme.conf": "softdep nvme pre: x\n",
        "/etc/modprobe.d/nvme.conf": "# none\n",
        "/etc/modprobe.d/a.conf": "softdep nvme post: y\n",
        "/etc/modprobe.d/b.conf.bak": "softdep nvme post: y\n",
    }
    lay_out(host.root, None, others)
    host.run(softdeps=["nvme"])
    host.run(softdeps=["nvme"])
    assert host.warnings == [
        "/etc/modprobe.d/a.conf has a softdep of nvme too: only that counts whose file's name sorts first"
    ]


def test_an_unknown_generator_is_told_with_what_was_looked_at(host):
    lay_out(host.root, None)
    before = host.picture()
    error = host.run(initramfs=True)["error"]
    assert (error["code"], host.picture()) == ("initramfs_unknown", before)
    for sign in ("update-initramfs", "/usr/share/initramfs-tools/hook-functions", "dracut", "mkinitcpio"):
        assert sign in error["found"]


def test_an_image_of_the_whole_system_has_its_initramfs_with_it(host):
    lay_out(host.root, "dracut", {"/run/ostree-booted": ""})
    assert "/run/ostree-booted" in host.run(initramfs=True)["error"]["found"]


@pytest.mark.parametrize(
    ("contents", "generator"),
    [
        ({"/etc/kernel/postinst.d/dracut": ""}, "dracut"),
        ({"/etc/kernel/postinst.d/initramfs-tools": ""}, "initramfs_tools"),
        ({"/etc/kernel/install.conf": "layout=bls\ninitrd_generator=dracut\n"}, "dracut"),
        ({}, None),
        ({"/etc/kernel/postinst.d/dracut": "", "/etc/kernel/postinst.d/initramfs-tools": ""}, None),
    ],
)
def test_of_two_generators_the_one_in_use_counts(host, contents, generator):
    lay_out(host.root, "dracut", contents)
    add_generator(host.root, "initramfs_tools")
    result = host.run(initramfs=True)
    if generator is None:
        assert result["error"]["found"] == "there are initramfs_tools and dracut"
    else:
        assert result["initramfs"]["generator"] == generator


def test_update_initramfs_that_is_switched_off_is_no_success(host):
    lay_out(host.root, "initramfs_tools", {"/etc/initramfs-tools/update-initramfs.conf": "update_initramfs=no\n"})
    before = host.picture()
    assert (host.run(**FULL)["error"]["code"], host.picture()) == ("initramfs_off", before)
    files(host.root, {"/etc/initramfs-tools/update-initramfs.conf": "#update_initramfs=no\nupdate_initramfs=yes\n"})
    assert host.run(**FULL)["changed"] is True


def test_a_preset_that_has_mkinitcpio_leave_out_drop_ins_is_named(host):
    preset = "/etc/mkinitcpio.d/linux.preset"
    lay_out(host.root, "mkinitcpio", {preset: 'ALL_config="/etc/mkinitcpio.conf"\n'})
    error = host.run(**FULL)["error"]
    assert (error["code"], error["subject"]) == ("initramfs_config", preset)
    files(host.root, {preset: '#ALL_config="/etc/mkinitcpio.conf"\nALL_kver="/boot/vmlinuz-linux"\n'})
    assert host.run(**FULL)["changed"] is True


def test_without_an_image_of_dracut_nothing_is_written(host):
    lay_out(host.root, "dracut")
    for image in IMAGES["dracut"]:
        os.unlink(f"{host.root}{image}")
    before = host.picture()
    assert (host.run(**FULL)["error"]["code"], host.picture()) == ("initramfs_missing", before)


def test_an_initramfs_whose_generator_is_no_more_does_not_keep_the_files(host):
    lay_out(host.root, "dracut")
    host.run(**FULL)
    os.unlink(host.root / "usr/bin/dracut")
    result = host.run(state="absent")
    assert (result["changed"], result["initramfs"]) == (True, {"generator": None, "rebuilt": False})
    assert (host.text(INITRAMFS["dracut"]), host.text(NOTE)) == (None, None)
    assert "vfio may still be in an initramfs" in host.warnings[0]
