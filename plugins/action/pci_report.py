# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report, all of which is made on the controller: documentation is in plugins/modules/pci_report.py."""

from __future__ import annotations

import time
import typing as t

from ansible import constants, context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display

from ..module_utils._model.errors import HostdevError, few, one_line
from ..plugin_utils.report.ages import age, ages
from ..plugin_utils.report.documents.saving import FORMATS, SaveError, save
from ..plugin_utils.report.facts_of_hosts import facts_of, facts_of_hosts
from ..plugin_utils.report.models import summary
from ..plugin_utils.report.terminal.overview import NO_FACTS, overview, overview_summary
from ..plugin_utils.report.terminal.table import table

_OPTIONS: dict[str, dict[str, str]] = {
    "hosts": {"type": "list", "elements": "str"},
    "note": {"type": "str"},
    **{form: {"type": "path"} for form in FORMATS},
}


class ActionModule(ActionBase):
    """Shows the facts of a host, or those of many, and writes the latter to files."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=_OPTIONS)
        variables = task_vars or {}
        paths = {form: options[form] for form in FORMATS if options[form] is not None}
        for form, path in paths.items():
            if not path.strip():
                wanted = f"wanted the path of a file; give one, or leave {form} out"
                raise AnsibleActionFail(f"{form}: found {path!r}, {wanted}")
        if paths or options["hosts"] is not None:
            result.update(self._many(variables, options["hosts"], paths))
        else:
            result.update(self._one(variables, options["note"]))
        if not self._task.no_log and _for_people():
            Display().display("\n".join(result["lines"]))
            result["_ansible_verbose_override"] = True  # or -v shows the lines once more, as one long line
        return result

    def _one(self, variables: t.Mapping[str, t.Any], note: str | None) -> dict[str, t.Any]:
        """The table of the task's own host."""
        host = variables["inventory_hostname"]
        try:
            facts = facts_of(variables)
        except HostdevError as error:
            raise AnsibleActionFail(f"{host}: {error.message}") from None
        if facts is None:
            raise AnsibleActionFail(f"{host}: {NO_FACTS}")
        old = age(facts, time.time())
        notes = [text for text in (note, f"facts {old} old" if old else "") if text]
        lines = table(host, facts, "; ".join(notes))
        msg = summary(facts) + (f"; facts {old} old" if old else "")
        return {"changed": False, "msg": msg, "lines": lines, "files": [], "without_facts": []}

    def _many(
        self, variables: t.Mapping[str, t.Any], names: t.Sequence[str] | None, paths: t.Mapping[str, str]
    ) -> dict[str, t.Any]:
        """The overview of these hosts, by default the play's, with the files."""
        hostvars = variables["hostvars"]
        wanted = variables["ansible_play_hosts_all"] if names is None else names
        unknown = [name for name in wanted if name not in hostvars]
        if unknown:
            raise AnsibleActionFail(one_line(f"hosts: the inventory has no {few(unknown)}"))
        hosts = facts_of_hosts(hostvars, wanted)
        missing = [name for name, facts in hosts.items() if facts is None]
        old = ages(hosts, time.time())
        if len(missing) == len(hosts):
            raise AnsibleActionFail(
                f"hosts: none of {len(hosts)} has facts: gather them with kvm.hostdev.pci_facts, or see why that failed"
            )
        try:
            files = save(paths, hosts, check_mode=self._task.check_mode)
        except SaveError as error:
            raise AnsibleActionFail(str(error)) from None
        changed = [file for file in files if file.changed]
        verb = "to be written" if self._task.check_mode else "written"
        told = f"; {verb}: {', '.join(file.path for file in changed)}" if changed else ""
        result: dict[str, t.Any] = {
            "changed": bool(changed),
            "msg": overview_summary(hosts, old) + told,
            "lines": overview(hosts, old),
            "files": [file.path for file in files],
            "without_facts": missing,
        }
        if self._task.diff:
            result["diff"] = [file.difference(constants.MAX_FILE_SIZE_FOR_DIFF) for file in changed]
        return result


def _for_people() -> bool:
    """Whether what is displayed stands between a play's results for people, as with Ansible's own callback.

    That is `default` and what is made of it, AWX's among them. Others may print a document for a program, in which no
    other line may be, and the command `ansible` uses `minimal` or `oneline`: the result has the lines.
    """
    if "module_name" in context.CLIARGS:
        return False
    standard = callback_loader.get("ansible.builtin.default", class_only=True)
    shown = callback_loader.get(constants.DEFAULT_STDOUT_CALLBACK, class_only=True)
    return isinstance(shown, type) and issubclass(shown, standard)
