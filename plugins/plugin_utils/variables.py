# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables `hostdev_*` of playbooks, roles and rulebooks, and what is said of a name that none of them has."""

from __future__ import annotations

import difflib
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

PREFIX = "hostdev_"
TOLD: frozenset[str] = frozenset(
    # told: begin, written by ./run docs --write from playbooks, roles, extensions
    {
        "hostdev_accept_drift",
        "hostdev_addresses",
        "hostdev_adopt_confirm",
        "hostdev_adopt_domains",
        "hostdev_adopt_persist",
        "hostdev_adopt_take_over",
        "hostdev_adopt_unattached_owner",
        "hostdev_adopt_vfs",
        "hostdev_aliases",
        "hostdev_allow",
        "hostdev_anti_affinity",
        "hostdev_attach",
        "hostdev_awx_approval_timeout",
        "hostdev_awx_approvers",
        "hostdev_awx_controller_credential",
        "hostdev_awx_credentials",
        "hostdev_awx_environment",
        "hostdev_awx_environment_credential",
        "hostdev_awx_environment_image",
        "hostdev_awx_inventory",
        "hostdev_awx_inventory_file",
        "hostdev_awx_limit",
        "hostdev_awx_organization",
        "hostdev_awx_playbooks",
        "hostdev_awx_project",
        "hostdev_awx_project_branch",
        "hostdev_awx_project_credential",
        "hostdev_awx_project_url",
        "hostdev_awx_refresh_minutes",
        "hostdev_awx_state",
        "hostdev_awx_tenants",
        "hostdev_become",
        "hostdev_claims",
        "hostdev_cleaned",
        "hostdev_constraints",
        "hostdev_detach_timeout",
        "hostdev_device_spec",
        "hostdev_domain",
        "hostdev_ensure_root_ports",
        "hostdev_events_cache",
        "hostdev_events_certificate",
        "hostdev_events_every",
        "hostdev_events_job_template",
        "hostdev_events_key",
        "hostdev_events_listen",
        "hostdev_events_organization",
        "hostdev_events_playbook",
        "hostdev_events_port",
        "hostdev_events_reconcile",
        "hostdev_events_silent_after",
        "hostdev_events_token",
        "hostdev_expired",
        "hostdev_facts_path",
        "hostdev_gather",
        "hostdev_gather_subset",
        "hostdev_group_members",
        "hostdev_guest_reader",
        "hostdev_host_contradictions",
        "hostdev_host_events_ca_file",
        "hostdev_host_events_every",
        "hostdev_host_events_token_file",
        "hostdev_host_events_url",
        "hostdev_host_hugepages",
        "hostdev_host_identity",
        "hostdev_host_initramfs",
        "hostdev_host_iommu_arguments",
        "hostdev_host_kernel_arguments",
        "hostdev_host_memory_lock",
        "hostdev_host_modules",
        "hostdev_host_packages",
        "hostdev_host_reboot_ok",
        "hostdev_host_reboot_timeout",
        "hostdev_host_softdeps",
        "hostdev_host_state",
        "hostdev_host_vfio_options",
        "hostdev_hosts",
        "hostdev_labels",
        "hostdev_libvirt",
        "hostdev_limits",
        "hostdev_lock_timeout",
        "hostdev_managed",
        "hostdev_names",
        "hostdev_numa_cells",
        "hostdev_on_detach_timeout",
        "hostdev_on_mismatch",
        "hostdev_one_host",
        "hostdev_orphans",
        "hostdev_owner",
        "hostdev_persist",
        "hostdev_persistent",
        "hostdev_prefer",
        "hostdev_purge",
        "hostdev_record_anonymous",
        "hostdev_record_dest",
        "hostdev_recording",
        "hostdev_report_csv",
        "hostdev_report_html",
        "hostdev_report_json",
        "hostdev_requests",
        "hostdev_require_reset",
        "hostdev_serial",
        "hostdev_specs",
        "hostdev_strategy",
        "hostdev_to",
        "hostdev_tries",
        "hostdev_uri",
    }
    # told: end
)
"""What somebody may set."""
OWN: frozenset[str] = frozenset(
    # own: begin, written by ./run docs --write from playbooks, roles, extensions
    {
        "hostdev_accepted_drift",
        "hostdev_adopted",
        "hostdev_adoption",
        "hostdev_answers",
        "hostdev_asked",
        "hostdev_awx_aliases",
        "hostdev_awx_choices",
        "hostdev_awx_environment_name",
        "hostdev_awx_existing",
        "hostdev_awx_foreign",
        "hostdev_awx_given",
        "hostdev_awx_gives",
        "hostdev_awx_holding",
        "hostdev_awx_in",
        "hostdev_awx_left",
        "hostdev_awx_lists",
        "hostdev_awx_losing",
        "hostdev_awx_mark",
        "hostdev_awx_may",
        "hostdev_awx_of",
        "hostdev_awx_of_tenants",
        "hostdev_awx_ours",
        "hostdev_awx_own",
        "hostdev_awx_project_name",
        "hostdev_awx_said",
        "hostdev_awx_shared",
        "hostdev_awx_suffix",
        "hostdev_awx_suffixes",
        "hostdev_awx_surveys",
        "hostdev_awx_teams",
        "hostdev_awx_tenant",
        "hostdev_awx_there",
        "hostdev_awx_workflow",
        "hostdev_claimed",
        "hostdev_differences",
        "hostdev_fighters",
        "hostdev_gathered",
        "hostdev_given",
        "hostdev_gone",
        "hostdev_having",
        "hostdev_host_reboot_needed",
        "hostdev_kept",
        "hostdev_left",
        "hostdev_lines",
        "hostdev_listing",
        "hostdev_lists",
        "hostdev_lost",
        "hostdev_made",
        "hostdev_models",
        "hostdev_of_domain",
        "hostdev_owned",
        "hostdev_permitted",
        "hostdev_placement",
        "hostdev_purpose",
        "hostdev_reconciled",
        "hostdev_record_file",
        "hostdev_record_folder",
        "hostdev_recorded",
        "hostdev_refusals",
        "hostdev_released",
        "hostdev_said",
        "hostdev_seen",
        "hostdev_sees",
        "hostdev_there",
        "hostdev_told",
        "hostdev_wanted",
    }
    # own: end
)
"""What they set themselves: a host has it as soon as one of them has run."""
_GUIDE = "one in the guide Playbooks and their variables"


def check_names(extra: t.Collection[str], given: t.Mapping[str, str]) -> None:
    """Raises HostdevError for the first name, in their order, that none of them has.

    `extra` are the names of extra variables, which would override what they set themselves; `given` has each name that
    there is, with who has it.
    """
    for name in sorted(given):
        if name not in TOLD and (name in extra or name not in OWN):
            raise HostdevError(
                "unknown_variable",
                subject=f"the extra variable {name}" if name in extra else f"the variable {name} of {given[name]}",
                found="kvm.hostdev sets it itself, while it runs"
                if name in OWN
                else "no playbook, role or rulebook of kvm.hostdev reads it",
                wanted=", ".join(_family(name)) or _GUIDE,
                remedy=_remedy(name),
            )


def _family(name: str) -> list[str]:
    """Those that begin with the same two words, such as `hostdev_awx_`, where these are several."""
    family = [known for known in sorted(TOLD) if known.split("_")[:2] == name.split("_")[:2]]
    return family if len(family) > 1 else []


def _remedy(name: str) -> str:
    """The nearest, by what is behind the prefix that all of them have."""
    words = [known[len(PREFIX) :] for known in TOLD]
    near = difflib.get_close_matches(name[len(PREFIX) :], words, 1)
    return f"did you mean {PREFIX}{near[0]}?" if near else f"begin names of your own with something else than {PREFIX}"
