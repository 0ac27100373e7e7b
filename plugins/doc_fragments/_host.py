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
      - A file on the host that the task runs on, which M(kvm.hostdev.pci_recording) has written. The task works
        on the host that is recorded there, and not on the one that it runs on. No root is needed, nor libvirt.
      - What changes a host runs in check mode alone then. Outside of it the task fails, and nothing is ever written.
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
      - How many seconds a running guest has to let go of a device. It is asked several times meanwhile, since a guest
        that is still booting does not hear the first request.
    type: int
    default: 30
  on_detach_timeout:
    description:
      - What to do when a running guest does not let a device go within O(detach_timeout), or can't since it is paused.
      - V(fail) fails. What was done before is undone.
      - V(definition) takes the device from the domain's definition only. It stays claimed and bound, and the record
        has it as attached live, until a release that finds the domain shut off, or its guest willing, gives it back.
        A warning says so. The guest may still let go of it later.
      - V(force) stops the domain hard, as if its power were cut, so that the device comes free. Whatever the guest has
        not written to its disks is lost. It is shut off afterwards, is named in the RV(stopped) return value,
        and nobody starts it again. Only a domain from which the task takes devices is ever stopped, and never a
        transient one.
    type: str
    choices: [fail, definition, force]
    default: fail
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding (C(python3-libvirt)) for the system's Python, when a domain is named
"""
