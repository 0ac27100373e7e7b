# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of all modules, and of those that change a host."""

    DOCUMENTATION = r"""
options:
  uri:
    description:
      - The libvirt connection. It must be a local one, because drivers are bound where the module runs.
      - It must be written out. An alias of C(libvirt.conf) and an empty URI are refused, since they may lead to
        another host.
    type: str
    default: qemu:///system
  facts_path:
    description:
      - The folder of the record C(hostdev.fact).
      - With the default, fact gathering returns the record as C(ansible_facts.ansible_local.hostdev).
    type: path
    default: /etc/ansible/facts.d
"""

    RECORDING = r"""
options:
  recording:
    description:
      - A recording made by M(kvm.hostdev.pci_recording), as a file on the host that the task runs on. The task works
        with the recorded host instead of that host. It needs neither root nor libvirt.
      - A module that changes a host then runs in check mode only. Outside of check mode the task fails. Nothing is ever
        written.
      - The libvirt connection and the record are the recorded ones, whatever O(uri) and O(facts_path) say.
    type: path
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
      - How many seconds a running guest has to let go of a device. Within this time it is asked several times, since a
        guest that is still booting misses the first request.
    type: int
    default: 30
  on_detach_timeout:
    description:
      - What to do when a running guest does not let a device go within O(detach_timeout), or can't since it is paused.
      - With V(fail) the task fails, and what was done before is undone.
      - V(definition) takes the device only from the domain's definition, and a warning says so. The device stays
        claimed and bound, and is on record as attached live. A later release gives it back once the domain is shut off
        or the guest lets go.
      - V(force) stops the domain hard, as if its power were cut, so that the device comes free. Data that the guest has
        not written to its disks is lost. The domain stays shut off, and RV(stopped) names it. The task only stops
        domains from which it takes devices, and never a transient domain.
    type: str
    choices: [fail, definition, force]
    default: fail
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding (C(python3-libvirt)) for the system's Python, when a domain is named
"""
