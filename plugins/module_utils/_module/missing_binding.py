# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said where libvirt's Python binding is missing: which package has it."""

from __future__ import annotations

import sys

from .._host.sysfs import Tree
from .._model.errors import HostdevError

# By distributions, as os-release(5) has them in ID and ID_LIKE.
_PACKAGES = {
    "python3-libvirt": ("Debian", "Ubuntu", "Fedora", "RHEL"),
    "python3-libvirt-python": ("SUSE",),
    "libvirt-python": ("Arch", "PyPI"),
    "py3-libvirt": ("Alpine",),
    "dev-python/libvirt-python": ("Gentoo",),
}


def missing_binding(error: ImportError) -> HostdevError:
    """The error; a binding that is there may be one for another Python, which `error` tells."""
    return HostdevError(
        "libvirt_python_missing",
        subject="libvirt's Python binding",
        found=f"{sys.executable} can't import it: {error}",
        wanted="the module libvirt",
        remedy=f"install {package(Tree())}; where another Python of the host has it, set ansible_python_interpreter",
    )


def package(tree: Tree) -> str:
    """The package of the host's distribution, or where that is none of these all of them."""
    told = (tree.text("/etc/os-release") or tree.text("/usr/lib/os-release") or "").splitlines()
    values = {key: value.strip("\"'") for key, _equals, value in (line.partition("=") for line in told)}
    for name in [values.get("ID", ""), *values.get("ID_LIKE", "").split()]:
        for found, distributions in _PACKAGES.items():
            if name.lower() in map(str.lower, distributions):
                return found
    return ", or ".join(f"{name} ({', '.join(of)})" for name, of in _PACKAGES.items())
