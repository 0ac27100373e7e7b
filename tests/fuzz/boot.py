# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets: files that a host boots from, which anybody may have written, and the book of what was done to them."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.arguments import check_arguments
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.book import (
    Book,
    FileRecord,
    Version,
    digest,
    parse_book,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.editing import Edit, Wanted, edited, restored
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.formats import FORMATS
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.grub_config import is_whole, linux_lines
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.formats.unified_image import (
    command_line,
    is_signed,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.boot.fake_programs import portable_executable

from .target import Target

_WANTED = Wanted(("intel_iommu=on", "hugepagesz=1G hugepages=4"), replace=True)
_SEEDS = (
    b"root=UUID=1 ro quiet intel_iommu=off\n# more\n",
    b"title T\nlinux /l\noptions $kernelopts quiet systemd.machine_id=1\n",
    b'GRUB_CMDLINE_LINUX="a  b"\nexport GRUB_CMDLINE_LINUX_DEFAULT=\'c\'" $(d) `e`"\n',
    (b"# GRUB Environment Block\nkernelopts=root=x quiet\n").ljust(1024, b"#"),
)
_WORDS = (
    "GRUB_CMDLINE_LINUX=",
    "$GRUB_CMDLINE_LINUX",
    "options ",
    "kernelopts=",
    "intel_iommu=on",
    "hugepages=4",
    "\r\n",
)


def _edits(data: bytes) -> None:
    for name, form in FORMATS.items():
        after, edit = edited(form, data, _WANTED)
        again, _edit = edited(form, after, _WANTED)
        if again != after:
            raise AssertionError(f"{name}: a second run changes it again")
        # GRUB's environment block has its own size afterwards.
        if name != "grub_environment" and restored(form, after, edit) != data:
            raise AssertionError(f"{name}: it does not come back")


def _configuration(data: bytes) -> None:
    linux_lines(data)
    is_whole(data)


def _image(data: bytes) -> None:
    command_line(data)
    is_signed(data)


def _arguments(data: bytes) -> None:
    check_arguments(data.decode("utf-8", "replace").split("\n"))


_BOOK = Book(
    "grub",
    ("a=1",),
    (FileRecord("/x", "cmdline", b"\xff", (Version(digest(b"new"), Edit(("a=1",), (("b=off", "b=on"),), b" a=1")),)),),
    ("/etc/default/grub.d",),
)

TARGETS = (
    Target("files with arguments", _edits, seeds=_SEEDS, words=_WORDS),
    Target(
        "grub.cfg",
        _configuration,
        seeds=(
            b"### BEGIN /etc/grub.d/10_linux ###\nmenuentry 'A' {\n\tlinux /l root=x\n}\n"
            b"### END /etc/grub.d/10_linux ###\n",
        ),
    ),
    Target("unified kernel images", _image, seeds=(portable_executable(b"root=x\0", b"kernel"),)),
    Target("kernel arguments", _arguments, seeds=(b"intel_iommu=on\niommu=pt", b"hugepagesz=1G\nhugepages=4")),
    Target("the book of arguments", lambda data: parse_book(data, "/book"), seeds=(_BOOK.as_bytes(),)),
)
