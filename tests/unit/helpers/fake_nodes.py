# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made USB and SCSI devices below PCI functions, as sysfs has them, for a fake host."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import CONFIG, LIVE, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost

XHCI, HBA = "0000:00:1d.0", "0000:00:1e.0"

USB_CONTROLLER = '<controller type="usb" index="0" model="qemu-xhci" />'
SCSI_CONTROLLER = '<controller type="scsi" index="0" model="virtio-scsi" />'


def usb_path(port: str, function: str = XHCI) -> str:
    """A device's folder below a PCI function; the part of the port before the dash is the bus."""
    return f"/sys/devices/pci0000:00/{function}/usb{port.partition('-')[0]}/{port}"


def usb(
    port: str,
    number: int,
    *,
    ids: str = "0951:1666",
    serial: str | None = "STICK1",
    device_class: str = "00",
    block: str | None = None,
    function: str = XHCI,
) -> dict[str, str]:
    """A USB device, with a disk on it when `block` names one."""
    path = usb_path(port, function)
    vendor, product = ids.split(":")
    made = {
        f"{path}/busnum": f"{port.partition('-')[0]}\n",
        f"{path}/devnum": f"{number}\n",
        f"{path}/idVendor": f"{vendor}\n",
        f"{path}/idProduct": f"{product}\n",
        f"{path}/bDeviceClass": f"{device_class}\n",
        f"/sys/bus/usb/devices/{port}": f"-> ../../..{path[4:]}",
        f"/sys/bus/usb/devices/{port}:1.0": f"-> ../../..{path[4:]}/{port}:1.0",
        f"{path}/{port}:1.0/bInterfaceClass": "08\n",
    }
    if serial is not None:
        made[f"{path}/serial"] = f"{serial}\n"
    if block is not None:
        made.update(scsi("9:0:0:0", below=f"{path}/{port}:1.0", block=block, wwid=None))
    return made


def root_hub(bus: int, function: str = XHCI) -> dict[str, str]:
    path = f"/sys/devices/pci0000:00/{function}/usb{bus}"
    return {
        f"{path}/busnum": f"{bus}\n",
        f"{path}/devnum": "1\n",
        f"{path}/idVendor": "1d6b\n",
        f"{path}/idProduct": "0003\n",
        f"{path}/bDeviceClass": "09\n",
        f"/sys/bus/usb/devices/usb{bus}": f"-> ../../..{path[4:]}",
    }


def scsi(
    numbers: str,
    *,
    below: str = f"/sys/devices/pci0000:00/{HBA}",
    block: str | None = None,
    wwid: str | None = "naa.5000c500a1b2c3d4",
) -> dict[str, str]:
    """A SCSI device, with the disk that its driver makes of it."""
    host, target = f"host{numbers.split(':')[0]}", f"target{numbers.rpartition(':')[0]}"
    path = f"{below}/{host}/{target}/{numbers}"
    made = {
        f"{path}/vendor": "SEAGATE \n",
        f"{path}/model": "ST4000NM0023    \n",
        f"/sys/bus/scsi/devices/{numbers}": f"-> ../../..{path[4:]}",
        f"/sys/bus/scsi/devices/{host}": f"-> ../../..{below[4:]}/{host}",
    }
    if wwid is not None:
        made[f"{path}/wwid"] = f"{wwid}\n"
    if block is not None:
        made[f"{path}/block/{block}/dev"] = f"8:{16 * (ord(block[2]) - ord('a'))}\n"
        made[f"/sys/class/block/{block}"] = f"-> ../..{path[4:]}/block/{block}"
    return made


def plug(host: FakeHost, *devices: dict[str, str]) -> None:
    """Plug devices in; they are there after a reboot as well."""
    for device in devices:
        host.plugged.append(device)
        files(host.root, device)


def unplug(host: FakeHost, device: dict[str, str]) -> None:
    """Pull one out: its folder, and the links that lead to it."""
    host.plugged.remove(device)
    for path in device:
        local = Path(f"{host.root}{path}")
        if local.is_symlink():
            os.unlink(local)
        elif "/sys/devices/" in path and local.parent.name.count("-"):
            shutil.rmtree(local.parent, ignore_errors=True)


def ready(host: FakeHost) -> None:
    """Give the domain web1 a USB and a SCSI controller."""
    for place in (CONFIG, LIVE):
        if host.domain.xml[place] is not None:
            host.domain.xml[place] = domain_xml(extra=USB_CONTROLLER + SCSI_CONTROLLER)
