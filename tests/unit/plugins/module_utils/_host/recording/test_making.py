# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import fnmatch
import gzip
import re
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import usage
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording import making
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.excerpts import of_aliases, of_ids
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.file import as_bytes, read_recording
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.making import Host, record_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording.noting import NotingTree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.rehearsal.tree import RecordedTree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording import files as kept_files
from ansible_collections.kvm.hostdev.plugins.module_utils._model.recording.anonymous import WORDS
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.many_vfs import many_vfs
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand, files

SERIAL_NUMBER = bytes.fromhex("03000100") + bytes.fromhex("8877665544332211")


def host(tree: Tree) -> Host:
    return Host(
        System(tree), None, "none", None, "kvm1", lambda _inventory, _vfs: {}, lambda _pfs: {}, "2026-11-28T12:00:00Z"
    )


def noted_files(folder: t.Mapping[str, t.Any], path: str = "") -> t.Iterator[str]:
    for name, noted in folder.items():
        if isinstance(noted, dict):
            yield from noted_files(noted, f"{path}/{name}")
        elif isinstance(noted, bytes):
            yield f"{path}/{name}"


def is_known(path):
    """Whether it is told what is kept of such a file."""
    by_path = any(fnmatch.fnmatchcase(path, pattern) for pattern, _keep in kept_files._BY_PATH)
    return by_path or path.rpartition("/")[2] in kept_files._BY_NAME


@pytest.mark.parametrize("name", ["lab-trixie", "lab-bookworm"])
def test_of_every_file_that_is_read_it_is_decided_what_is_kept(recordings, name):
    """One that a reader reads from now on is left out of recordings until it stands in _model/recording/files.py."""
    tree = NotingTree(recordings[name])
    making._read(tree)
    read = list(noted_files(tree.noted))
    assert len(read) > 100
    assert [path for path in read if not is_known(path)] == []


@pytest.mark.parametrize("name", ["lab-trixie", "lab-bookworm"])
def test_a_recorded_tree_reads_as_the_hosts(recordings, name, folder):
    path = folder / "recording"
    path.write_bytes(as_bytes(record_host(host(recordings[name]), anonymous=False)))
    tree = RecordedTree(read_recording(str(path)).tree)
    devices = read_devices(recordings[name], details=True)
    assert len(devices) > 20
    assert read_devices(tree, details=True) == devices


def test_the_kernel_s_serial_number_of_a_card_is_another_one_of_eight_bytes(lab_host):
    config = lab_host.root / "sys/bus/pci/devices/0000:04:00.0/config"
    config.write_bytes(config.read_bytes()[:256].ljust(256, b"\0") + SERIAL_NUMBER)
    (config.parent / "nvme/nvme2/serial").unlink(missing_ok=True)
    real = {one.address: one.pcie_serial for one in read_devices(lab_host.tree)}["0000:04:00.0"]
    assert real == "11-22-33-44-55-66-77-88"
    recording = record_host(host(lab_host.tree), anonymous=True)
    told = {one.address: one.pcie_serial for one in read_devices(RecordedTree(recording.tree))}["0000:04:00.0"]
    assert told != real
    assert re.fullmatch("(?:[0-9a-f]{2}-){7}[0-9a-f]{2}", told or "")
    assert "8877665544332211" not in gzip.decompress(as_bytes(recording)).decode()


def test_a_configuration_space_that_only_root_may_read_whole_stays_as_short(lab_host):
    """Else its capabilities would be taken for known."""
    config = lab_host.root / "sys/bus/pci/devices/0000:04:00.0/config"
    config.write_bytes(config.read_bytes()[:64])
    told = RecordedTree(record_host(host(lab_host.tree), anonymous=False).tree)
    assert told.data("/sys/bus/pci/devices/0000:04:00.0/config") == config.read_bytes()
    assert read_devices(told, details=True) == read_devices(lab_host.tree, details=True)


def test_a_capability_that_is_not_read_is_not_told(lab_host):
    """The register for vital product data holds the word that was read last."""
    config = lab_host.root / "sys/bus/pci/devices/0000:04:00.0/config"
    data = bytearray(config.read_bytes()[:256].ljust(256, b"\0"))
    data[0x06] |= 0x10
    data[0x34], data[0x40:0x48] = 0x40, b"\x03\x50\x00\x80ACME"
    data[0x50:0x58] = b"\x01\x00\x03\x00\x08\x00\x00\x00"
    config.write_bytes(bytes(data))
    recording = record_host(host(lab_host.tree), anonymous=False)
    told = RecordedTree(recording.tree).data("/sys/bus/pci/devices/0000:04:00.0/config") or b""
    assert told[0x40:0x42] == b"\x03\x50"
    assert b"ACME" not in told
    assert told[0x50:0x58] == data[0x50:0x58]


def test_the_command_line_has_only_what_concerns_devices(lab_host):
    line = "BOOT_IMAGE=/vmlinuz root=UUID=1 intel_iommu=on iommu=pt ip=10.0.0.1::kvm1 vfio-pci.ids=10de:20b5 secret"
    lab_host.write("/proc/cmdline", line)
    tree = NotingTree(lab_host.tree)
    tree.text("/proc/cmdline")
    told = making._Files(making.Same(), []).of("", tree.noted)
    assert told["proc"]["cmdline"] == "intel_iommu=on iommu=pt vfio-pci.ids=10de:20b5"


def test_a_host_with_hundreds_of_functions_makes_a_small_file(folder):
    expand(many_vfs(64), folder)
    tree = Tree(str(folder))
    begun = time.perf_counter()
    recording = as_bytes(record_host(host(tree), anonymous=True))
    functions = len(read_devices(tree))
    assert time.perf_counter() - begun < 30
    assert functions > 80
    # Ten times as many would be below a megabyte by far.
    assert len(recording) / functions < 1500


def test_the_words_of_a_use_are_known(lab):
    """A word of ours that is missing would be taken for a name of the host's."""
    words = set()
    for file in Path(t.cast("str", usage.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "HostUse" and len(node.args) > 2:
                texts = [part.value for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant)]
                words.update(
                    word for text in texts if isinstance(text, str) for word in re.findall(r"[A-Za-z]{2,}", text)
                )
    assert len(words) > 20
    assert words - WORDS == set()


def test_links_and_what_was_not_looked_into(folder):
    files(
        folder,
        {
            "/sys/a/one": "1\n",
            "/sys/a/unread": "2\n",
            "/sys/a/inner/three": "3\n",
            "/sys/link": "-> a",
            "/sys/loop": "-> loop",
            "/sys/up": "-> a/../link/inner",
        },
    )
    tree = NotingTree(Tree(str(folder)))
    assert tree.text("/sys/link/one") == "1"
    assert tree.names("/sys/a") == ["inner", "one", "unread"]
    assert tree.names("/sys/up") == ["three"]
    assert tree.exists("/sys/loop") is False
    told = RecordedTree(making._Files(making.Same(), []).of("", tree.noted))
    assert told.names("/sys/link") == ["inner", "one", "unread"]
    assert told.text("/sys/a/unread") is None
    assert told.is_file("/sys/a/unread")
    assert told.real("/sys/up") == "/sys/a/inner"
    assert told.link_name("/sys/link") == "a"
    assert told.names("/sys/nothing") == []
    with pytest.raises(FileNotFoundError):
        told.local("/sys/a/one")


def test_of_long_tables_the_lines_that_concern_the_host():
    one = device("0000:01:00.0")._replace(
        vendor_id="8086", product_id="1521", class_id="020000", modalias="pci:v00008086d00001521sv0000sd00bc02sc00i00"
    )
    aliases = (
        "alias pci:v00008086d00001521sv*sd*bc*sc*i* igb\nalias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\nalias usb:x y"
    )
    assert of_aliases(aliases, [one]) == "alias pci:v00008086d00001521sv*sd*bc*sc*i* igb"
    builtin = "igb.alias=pci:v00008086d00001521sv*sd*bc*sc*i*\0igb.license=GPL\0ahci.alias=pci:v*d*sv*sd*bc01sc06i01*\0"
    assert making._Files(making.Same(), [one])._file(
        "/usr/lib/modules/6.18/modules.builtin.modinfo", builtin.encode()
    ) == ["bytes", b"igb.alias=pci:v00008086d00001521sv*sd*bc*sc*i*\0".hex()]
    ids = (
        "# comment\n8086  Intel Corporation\n\t1521  I350\n\t\t1028 0602  Dell I350\n\t1522  Other\n\t\t1028 0603  No\n"
        "10de  NVIDIA\n\t1521  None\nC 02  Network controller\n\t00  Ethernet\nC 03  Display\n\t00  VGA\n"
    )
    assert of_ids(ids, [one]) == (
        "8086  Intel Corporation\n\t1521  I350\n\t\t1028 0602  Dell I350\nC 02  Network controller\n\t00  Ethernet\n"
    )


def test_a_small_file_that_unpacks_to_very_much_is_refused(folder, monkeypatch):
    from ansible_collections.kvm.hostdev.plugins.module_utils._host.recording import file

    monkeypatch.setattr(file, "_LARGEST", 1 << 12)
    path = folder / "bomb"
    path.write_bytes(gzip.compress(b" " * (1 << 16)))
    with pytest.raises(HostdevError, match="unpacks to more") as caught:
        read_recording(str(path))
    assert caught.value.code == "recording_unreadable"
