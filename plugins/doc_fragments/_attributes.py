# Copyright (c) 2026, kvm.hostdev contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every module says of itself, and what those of an action group do."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description:
      - When run twice in a row outside C(check_mode), with the same arguments, the second invocation indicates no
        change.
      - This assumes that nobody else has changed the host in between.
  platform:
    description: Target OS/families that can be operated against.
    platforms: Linux
    support: full
"""

    ACTIONGROUP_PCI = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/kvm.hostdev.pci) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - kvm.hostdev.pci
"""
