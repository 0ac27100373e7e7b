# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records libvirt's node devices and defined domains as a host file of its test driver (test:///PATH).

'python3 - < record_nodedevs.py' as root writes it. Domains get the type 'test', the only one that driver accepts.
"""

from __future__ import annotations

import re

import libvirt

UNREADABLE = {"scsi_generic"}

if __name__ == "__main__":
    connection = libvirt.openReadOnly("qemu:///system")
    print("<node>")
    for device in sorted(connection.listAllDevices(), key=lambda node: node.name()):
        # The test driver's parser refuses these, in every libvirt up to now ("unknown capability type").
        if not UNREADABLE.intersection(device.listCaps()):
            print(device.XMLDesc(0).rstrip())
    for domain in sorted(connection.listAllDomains(), key=lambda guest: guest.name()):
        text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).rstrip()
        text = re.sub(r"^<domain type='kvm'", "<domain type='test'", text)
        # Added by libvirt to a q35 domain; libvirt 9.0 (Debian 12), where tests run as well, does not know the model.
        print(re.sub(r"\n *<watchdog model='itco'[^>]*/>", "", text))
    print("</node>")
