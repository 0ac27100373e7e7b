# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Elements of domains as text."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import hostdev_element
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.pci_xml import device_element


def hostdev_xml(address: str, *, managed: bool, guest_address: str | None = None) -> str:
    """The `<hostdev>` of a host function; `guest_address` is an `<address>` element."""
    element = hostdev_element(address, managed=managed)
    if guest_address is not None:
        element.append(ET.fromstring(guest_address))
    return ET.tostring(element, encoding="unicode")


def device_xml(address: str, *, managed: bool, **options: t.Any) -> str:
    """The element of a host function with options, see device_element."""
    return ET.tostring(device_element(address, managed=managed, **options), encoding="unicode")
