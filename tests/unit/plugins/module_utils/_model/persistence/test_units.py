# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.paths import MARK
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.units import (
    domains_unit,
    restore_unit,
    unit_texts,
)

RESTORE = f"""\
{MARK}
[Unit]
Description=Bring claimed PCI devices back (kvm.hostdev)
DefaultDependencies=no
Conflicts=shutdown.target
Wants=network-pre.target
After=systemd-remount-fs.service systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service
Before=network-pre.target NetworkManager.service systemd-networkd.service networking.service \
openvswitch-switch.service libvirtd.service virtqemud.service virtnodedevd.service virtnetworkd.service \
libvirt-guests.service
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=180
KillMode=mixed
ExecStart=/usr/bin/python3 -I /etc/kvm.hostdev/restore.pyz boot

[Install]
WantedBy=multi-user.target
"""
DOMAINS = f"""\
{MARK}
[Unit]
Description=Bring domains with claimed PCI devices back (kvm.hostdev)
After=kvm-hostdev-restore.service libvirtd.service virtqemud.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=180
ExecStart=/usr/bin/python3 -I /etc/kvm.hostdev/restore.pyz domains

[Install]
WantedBy=multi-user.target
"""


def section(text, name):
    """Its keys; of one that stands twice all values, as systemd adds them up."""
    found: dict[str, list[str]] = {}
    for line in text.split(f"[{name}]\n")[1].split("\n\n")[0].splitlines():
        key, _equals, value = line.partition("=")
        found.setdefault(key, []).extend(value.split())
    return found


def test_the_texts_of_both_units():
    texts = {"kvm-hostdev-restore.service": RESTORE, "kvm-hostdev-domains.service": DOMAINS}
    assert unit_texts("/usr/bin/python3", storage=False) == texts


def test_mounts_wait_only_where_storage_is_claimed():
    unit, still = (section(restore_unit("/usr/bin/python3", storage=storage), "Unit") for storage in (True, False))
    assert [key for key in unit if unit[key] != still[key]] == ["Wants", "Before"]
    assert set(unit["Wants"]) - set(still["Wants"]) == {"local-fs-pre.target"}
    assert set(unit["Before"]) - set(still["Before"]) == {
        "local-fs-pre.target",
        "zfs-import-cache.service",
        "zfs-import-scan.service",
    }


def test_nothing_that_it_waits_for_waits_for_it():
    unit = section(restore_unit("/usr/bin/python3", storage=True), "Unit")
    assert set(unit["After"]).isdisjoint(unit["Before"])


@pytest.mark.parametrize(
    ("python", "word"),
    [("/opt/py 3/bin/python", '"/opt/py 3/bin/python"'), ('/o%i"\\', '"/o%%i\\"\\\\"'), ("/o-p.3+/p", "/o-p.3+/p")],
)
def test_an_odd_path_of_python_is_one_word_for_systemd(python, word):
    for text in (restore_unit(python, storage=False), domains_unit(python)):
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        assert parser["Service"]["ExecStart"].startswith(f"{word} -I /etc/")
