#!/usr/bin/python
# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_events
short_description: Have a host post the state of its devices to Event-Driven Ansible
version_added: 1.0.0
description:
  - Puts a systemd timer on the host, with which the host posts its state at intervals. The state is what has drifted
    from the record, which devices are lost, new or set aside, and which claims are overdue. The receiver is the source
    C(eda.builtin.webhook) of C(ansible-rulebook), or any other program that accepts JSON.
  - A program on the host reads the host by the same rules as M(kvm.hostdev.pci_facts), without Ansible and without a
    daemon. It writes one file, C(/var/lib/kvm.hostdev/seen.json), to know which devices are new.
  - The module writes C(/etc/kvm.hostdev/events.conf), C(/etc/kvm.hostdev/restore.pyz) and the units
    C(kvm-hostdev-events.service) and C(kvm-hostdev-events.timer), and removes them with O(state=absent). If another
    file has such a name, the task fails and leaves the file as it is.
  - If the timer is stopped, or systemd has not read its files, the task starts the timer anew and is changed. This is
    so after a task that was interrupted.
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
      - V(present) makes the host post its state. V(absent) removes the timer and its files.
    type: str
    choices: [present, absent]
    default: present
  url:
    description:
      - The URL to which the host posts its state. It must begin with C(https://), so that nobody can read the token on
        its way. C(http://) is only accepted for the host itself, such as C(http://127.0.0.1:5000/endpoint).
      - Required with O(state=present).
    type: str
  host:
    description:
      - The host's name in the inventory of the receiver. A rulebook uses it to limit a playbook to this host.
      - Required with O(state=present).
    type: str
  every:
    description:
      - How many seconds pass between two messages, from 30 to 86400.
    type: int
    default: 300
  token_file:
    description:
      - A file on the host with the token that the receiver asks for, on one line. Only root may read it (mode 0600).
        Create the file before the task; the module never reads it.
    type: str
  ca_file:
    description:
      - A file on the host with the certificates of the authorities that the receiver's certificate is verified with.
        Without it the authorities that the host trusts are used.
    type: str
requirements:
  - root and systemd on the managed host
  - Python 3.9 or later on the managed host
  - libvirt's Python binding on the managed host, to read domains
seealso:
  - ref: ansible_collections.kvm.hostdev.docsite.guide_events
    description: Receivers, rulebooks, and each key of the message.
  - module: kvm.hostdev.pci_reconcile
author:
  - kvm.hostdev contributors (@kvm-hostdev)
"""

EXAMPLES = r"""
- name: Have the token on the host
  become: true
  ansible.builtin.copy:
    content: "{{ eda_token }}\n"
    dest: /etc/kvm.hostdev.token
    mode: "0600"
  no_log: true

- name: Have the host post its state every five minutes
  become: true
  kvm.hostdev.host_events:
    url: https://eda.example.org:5000/endpoint
    host: "{{ inventory_hostname }}"
    token_file: /etc/kvm.hostdev.token

- name: Have it post nothing any more
  become: true
  kvm.hostdev.host_events:
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, or in check mode would be done, in one line.
  returned: always
  type: str
  sample: events to https://eda.example.org:5000/endpoint every 300 s written
files:
  description: The files on the host for this, or in check mode the files that would be there. The program is not
    listed.
  returned: success
  type: list
  elements: str
  sample:
    - /etc/kvm.hostdev/events.conf
    - /etc/systemd/system/kvm-hostdev-events.service
    - /etc/systemd/system/kvm-hostdev-events.timer
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
    subject: url
    found: found 'http://eda.example.org:5000/endpoint'
    wanted: https://, since the token could be read on its way; http:// only to the host itself
    remedy: set url to where the event source listens, as https://eda.example.org:5000/endpoint
"""

from ansible_collections.kvm.hostdev.plugins.module_utils._module.run import Module, run


def work(module: Module) -> dict[str, object]:
    from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot.host_events import host_events

    return host_events(module)


def main() -> None:
    run(
        Module(
            argument_spec={
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "url": {"type": "str"},
                "host": {"type": "str"},
                "every": {"type": "int", "default": 300},
                "token_file": {"type": "str", "no_log": False},
                "ca_file": {"type": "str"},
            },
            required_if=[("state", "present", ["url", "host"])],
            supports_check_mode=True,
        ),
        work,
    )


if __name__ == "__main__":
    main()
