# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.module_aliases import ModuleAliases
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def tree(folder, contents):
    files(folder, contents)
    return Tree(str(folder))


MLX5 = device("0000:01:00.2", modalias="pci:v000015B3d0000101Esv000015B3sd00000001bc02sc00i00", vendor_id="15b3")
ALIASES = """\
alias pci:v000015B3d*sv*sd*bc02sc00i* mlx5_core
alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_other
alias pci:v*d*sv*sd*bc02sc00i00 any_net
alias pci:v00008086d*sv*sd*bc*sc*i* intel
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* loose_vfio_pci
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias usb:v1234p* usb_thing
"""


def aliases(folder, text, place="/lib/modules/6.12/modules.alias"):
    return ModuleAliases(tree(folder, {place: text}), "6.12")


def test_the_variant_driver_with_the_fewest_wildcards_is_taken(folder):
    assert aliases(folder, ALIASES).vfio_driver(MLX5) == "mlx5_vfio_pci"


def test_a_function_that_no_variant_fits_gets_the_generic_driver(folder):
    intel = device("0000:01:00.0", modalias="pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00")
    assert aliases(folder, ALIASES).vfio_driver(intel) == "vfio-pci"


@pytest.mark.parametrize("text", ["", "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"])
def test_without_variants_the_driver_is_named_with_a_hyphen(folder, text):
    assert aliases(folder, text).vfio_driver(MLX5) == "vfio-pci"


def test_candidates_are_the_modules_that_fit_without_vfio(folder):
    assert aliases(folder, ALIASES).candidates(MLX5) == ["any_net", "mlx5_core", "mlx5_other"]


def test_wildcards_of_all_kinds_may_stand_anywhere(folder):
    ids = ["v000015B[0-3]d0000101Esv", "v000015B3d0000101?sv", "v*5B3d*sv", "v000015B3d0000101Esv0000[!0]5B3sd", "*"]
    others = ["v000015B[4-9]d*", "v000015B3d0000101?0*", "v000015B3d0000101Esv[!0]*", "v000015B3", ""]
    text = "".join(f"alias pci:{pattern}* fits{number}\n" for number, pattern in enumerate(ids))
    text += "".join(f"alias pci:{pattern} other\n" for pattern in others)
    text += f"alias {MLX5.modalias} whole\n"
    assert aliases(folder, text).candidates(MLX5) == ["fits0", "fits1", "fits2", "fits3", "fits4", "whole"]


def test_modules_below_usr_are_found(folder):
    module_aliases = aliases(folder, ALIASES, "/usr/lib/modules/6.12/modules.alias")
    assert module_aliases.vfio_driver(MLX5) == "mlx5_vfio_pci"


BUILTIN = (
    "any_net.license=GPL v2\0any_net.alias=pci:v*d*sv*sd*bc02sc00i00\0any_net.alias=usb:v1234p*\0"
    "mlx5_core.alias=pci:v000015B3d*sv*sd*bc02sc00i*\0intel.alias=pci:v00008086d*sv*sd*bc*sc*i*\0"
    "mlx5_vfio_pci.alias=vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*\0"
)


@pytest.mark.parametrize("usr", ["", "/usr"])
def test_drivers_in_the_kernels_image_are_told_beside_those_that_can_be_loaded(folder, usr):
    place = f"{usr}/lib/modules/6.12"
    loaded = "alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_other\n"
    both = ModuleAliases(
        tree(folder, {f"{place}/modules.alias": loaded, f"{place}/modules.builtin.modinfo": BUILTIN}), "6.12"
    )
    assert both.candidates(MLX5) == ["any_net", "mlx5_core", "mlx5_other"]
    assert both.vfio_driver(MLX5) == "mlx5_vfio_pci"


def test_a_kernel_whose_drivers_are_all_in_its_image_has_candidates(folder):
    alone = ModuleAliases(tree(folder, {"/lib/modules/6.12/modules.builtin.modinfo": BUILTIN}), "6.12")
    assert alone.candidates(MLX5) == ["any_net", "mlx5_core"]


@pytest.mark.parametrize("entry", [".alias=pci:v*", "x.alias=", "x.alias", "x", "x.parm=alias=pci:v*", "\n"])
def test_an_entry_of_the_kernels_image_that_is_no_alias_counts_for_nothing(folder, entry):
    text = f"{entry}\0{BUILTIN}{entry}"
    builtin = ModuleAliases(tree(folder, {"/lib/modules/6.12/modules.builtin.modinfo": text}), "6.12")
    assert builtin.candidates(MLX5) == ["any_net", "mlx5_core"]


def test_the_lab_hosts_candidates(lab):
    module_aliases = ModuleAliases(lab, "6.12.117+deb13-amd64")
    vf = device("0000:01:10.0", modalias="pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00")
    nvme = device("0000:81:00.0", vendor_id="1b36", modalias="pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02")
    assert module_aliases.candidates(vf) == ["igbvf"]
    assert module_aliases.candidates(nvme) == ["nvme"]
    assert module_aliases.vfio_driver(vf) == "vfio-pci"


@pytest.mark.parametrize("line", ["alias", "alias pci:v00008086d*", "alias vfio_pci:v00008086d*", "alias pci:v*d* "])
def test_a_line_of_modules_alias_that_is_cut_off_counts_for_nothing(folder, line):
    module_aliases = aliases(folder, f"{line}\n{ALIASES}{line}")
    assert module_aliases.candidates(MLX5) == aliases(folder, ALIASES).candidates(MLX5) != []
    assert module_aliases.vfio_driver(MLX5) == aliases(folder, ALIASES).vfio_driver(MLX5)
