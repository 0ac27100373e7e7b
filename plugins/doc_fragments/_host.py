# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this doc fragment is **PRIVATE** to the collection. It can have breaking changes at any time.

from __future__ import annotations


class ModuleDocFragment:
    """Options of all modules, and of those that change a host."""

    DOCUMENTATION = r"""
options:
  uri:
    description:
      - The libvirt connection. It must be a local one where anything is bound, because drivers are bound
        where the module runs.
    type: str
    default: qemu:///system
  facts_path:
    description:
      - The folder of the record C(hostdev.fact).
      - With the default, fact gathering returns the record as C(ansible_facts.ansible_local.hostdev).
    type: path
    default: /etc/ansible/facts.d
"""

    CHANGE = r"""
options:
  lock_timeout:
    description:
      - How many seconds to wait for another claim or release on the same host to end.
    type: int
    default: 60
  detach_timeout:
    description:
      - How many seconds a running guest has to let go of a device.
    type: int
    default: 30
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding (C(python3-libvirt)) for the system's Python, when a domain is named
"""
