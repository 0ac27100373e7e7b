#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: memory_lock
short_description: Set how much memory libvirt's daemons and their guests may lock
version_added: 1.0.0
description:
  - All memory of a guest that has a device is locked. libvirt raises a guest's limit by itself if its daemon may do so.
    If it may not, such as in a container, the daemon's own limit must be high enough.
  - Writes a drop-in of its own for each of C(libvirtd.service) and C(virtqemud.service),
    C(/etc/systemd/system/libvirtd.service.d/kvm-hostdev.conf) and the like. O(state=absent) removes exactly these. If
    somebody else made a file with such a name, the task fails and leaves the file as it is.
  - The limit takes effect when systemd has been reloaded and the daemon restarted. Running guests keep their limits.
extends_documentation_fragment:
  - kvm.hostdev._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) writes the drop-ins, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  limit:
    description:
      - The limit in the form of systemd's C(LimitMEMLOCK). It is a number with a unit in powers of 1024, such as
        V(64G), or V(infinity). A number without a unit is in bytes.
    type: str
    default: infinity
requirements:
  - root on the managed host
  - Python 3.9 or later on the managed host
seealso:
  - module: kvm.hostdev.vfio_modules
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Let guests lock as much memory as they have
  become: true
  kvm.hostdev.memory_lock:
  register: memory_lock

- name: Have systemd know of it
  become: true
  ansible.builtin.systemd_service:
    daemon_reload: true
  when: memory_lock.reload_needed

- name: Let them lock 64 GiB at most
  become: true
  kvm.hostdev.memory_lock:
    limit: 64G

- name: Take the drop-ins away
  become: true
  kvm.hostdev.memory_lock:
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, or in check mode what would be done, in one line.
  returned: always
  type: str
  sample: memory lock of 64G written (libvirtd, virtqemud)
files:
  description: The files on the host for this, or in check mode the files that would be there.
  returned: success
  type: list
  elements: str
  sample:
    - /etc/systemd/system/libvirtd.service.d/kvm-hostdev.conf
    - /etc/systemd/system/virtqemud.service.d/kvm-hostdev.conf
reload_needed:
  description: Whether systemd has to be reloaded, by C(daemon_reload), before it knows the limit. It stays so until
    somebody does that.
  returned: success
  type: bool
  sample: true
error:
  description:
    - Why the task failed. C(code) is stable, the other texts are for people and may change.
  returned: failure
  type: dict
  contains:
    code:
      description: A stable word for what is wrong.
      type: str
    subject:
      description: What it is about, such as a device, an option or a file.
      type: str
    found:
      description: What was found.
      type: str
    wanted:
      description: What was wanted. Empty if that is obvious.
      type: str
    remedy:
      description: What to do. Empty if there is nothing to say.
      type: str
  sample:
    code: invalid_option
    subject: limit
    found: found ''
    wanted: "infinity, or a number of bytes such as 64G (units of 1024: K, M, G, T, P, E)"
    remedy: give that instead
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot.memory_lock import memory_lock

    return memory_lock(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "limit": {"type": "str", "default": "infinity"},
            },
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
