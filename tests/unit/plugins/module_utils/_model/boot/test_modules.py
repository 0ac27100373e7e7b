# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.modules import (
    Kernel,
    names_in,
    softdep_lines,
    softdeps_in,
)


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"kernel/drivers/vfio/pci/vfio-pci.ko: kernel/drivers/vfio/vfio.ko\n", {"vfio_pci"}),
        (b"kernel/a/one.ko.xz:\nupdates/dkms/two.ko.zst: kernel/a/one.ko.xz", {"one", "two"}),
        (b"kernel/a/one.ko\nkernel/b/vfio-pci.ko.gz\n", {"one", "vfio_pci"}),
        (b"# comment\n\nkernel/a/one.kobold\n", set()),
        (b"", set()),
    ],
)
def test_the_modules_of_a_list_are_the_first_files_of_its_lines(data, names):
    assert names_in(data) == names


def test_of_several_softdeps_of_a_module_the_first_counts():
    text = "# x\nsoftdep nvme-core pre: a b post: c\nsoftdep nvme_core pre: d\nsoftdep\nsoftdep x post: y\nalias a b\n"
    assert softdeps_in(text) == {"nvme_core": (("a", "b"), ("c",)), "x": ((), ("y",))}


def test_a_softdep_of_ours_keeps_what_the_drivers_of_all_kernels_declare():
    kernels = [
        Kernel("1", frozenset({"nvme"}), softdeps={"nvme": (("a", "b"), ())}),
        Kernel("2", frozenset({"nvme"}), softdeps={"nvme": (("b", "vfio-pci"), ("c",))}),
        Kernel("3"),
    ]
    assert softdep_lines(kernels, ["nvme"]) == ["softdep nvme pre: vfio-pci a b post: c"]
