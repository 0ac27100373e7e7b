# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules that change a host have in common: the host's objects, the flow, and results."""

from __future__ import annotations

import functools
import os
import typing as t

from ..._host.change.flow import Flow
from ..._host.change.host import ChangingHost
from ..._host.record.record_file import RecordFile
from ..._host.sysfs import Tree
from ..._model.errors import HostdevError, few, one_line
from ..libvirt import check_local, connect
from ..options import FACTS_PATH

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..._host.binding.binder import Binder
    from ..._host.binding.physical_functions import PhysicalFunctions
    from ..._host.binding.vf_settings import VfSettings
    from ..._host.change.outcome import Outcome
    from ..._host.libvirt.changes import DomainChanges
    from ..._host.libvirt.removal_events import RemovalEvents
    from ..._host.persistence.keeping import Keeper
    from ..._model.plan.plan import Plan
    from ..libvirt import Libvirt


class ModuleHost(ChangingHost):
    """The host that a module runs on. What binds drivers and sets VFs is made, and imported, when it is first used."""

    def __init__(self, module: AnsibleModule, tree: Tree, domains: DomainChanges | None) -> None:
        self.tree, self.domains, self.environ = tree, domains, os.environ
        self._module = module

    @functools.cached_property
    def binder(self) -> Binder:
        from ..._host.binding.binder import Binder
        from ..._host.binding.exclusive import ExclusiveOpen
        from ..._host.binding.sysfs_writer import SysfsWriter

        write, disks = SysfsWriter(self.tree), ExclusiveOpen(self.tree)
        return Binder(self.tree, write, lambda name: load_module(self._module, name), disks=disks)

    @functools.cached_property
    def vf_settings(self) -> VfSettings:
        from ..._host.binding.iproute import Iproute
        from ..._host.binding.vf_settings import VfSettings

        return VfSettings(self.tree, Iproute("ip"))

    @functools.cached_property
    def pfs(self) -> PhysicalFunctions:
        from ..._host.binding.iproute import Iproute
        from ..._host.binding.physical_functions import PhysicalFunctions
        from ..._host.binding.sysfs_writer import SysfsWriter

        return PhysicalFunctions(self.tree, SysfsWriter(self.tree), Iproute("ip"), Iproute("devlink"))


class _Events:
    """Libvirt's events about devices that leave a guest, imported when a guest is first waited for."""

    def __init__(self, libvirt: Libvirt) -> None:
        self._libvirt = libvirt

    def listening(self, uuid: str, alias: str | None) -> t.ContextManager[t.Callable[[float], str | None]]:
        return self._events.listening(uuid, alias)

    @functools.cached_property
    def _events(self) -> RemovalEvents:
        from ..._host.libvirt.removal_events import RemovalEvents

        return RemovalEvents(self._libvirt.binding, self._libvirt.uri)


def changing_system(module: AnsibleModule, *, needs_libvirt: bool) -> tuple[ChangingHost, RecordFile]:
    """The host's objects for a module that changes it. Raises HostdevError when it must not or cannot."""
    uri = module.params["uri"]
    check_local(uri)
    if os.geteuid() != 0:
        raise HostdevError(
            "not_root",
            subject="this task",
            found=f"it runs as user id {os.geteuid()}",
            wanted="root: only root may bind drivers and write the record",
            remedy="set become: true",
        )
    libvirt, _reason = connect(uri, required=needs_libvirt)
    domains = None if libvirt is None else _domains(libvirt)
    return ModuleHost(module, Tree(), domains), RecordFile(module.params["facts_path"])


def _domains(libvirt: Libvirt) -> DomainChanges:
    from ..._host.libvirt.changes import DomainChanges

    events = _Events(libvirt)
    return DomainChanges(libvirt.handle, libvirt.error, reopen=libvirt.reopen, events=events)


def load_module(module: AnsibleModule, name: str) -> bool:
    """Load a kernel module by its name or its driver's; says whether that worked."""
    modprobe = module.get_bin_path("modprobe", opt_dirs=["/sbin", "/usr/sbin"])
    if modprobe is None:
        return False
    try:
        return bool(module.run_command([modprobe, "--", name], handle_exceptions=False)[0] == 0)
    except OSError:  # what Ansible makes of it has no `error`
        return False


def check_kept(path: str) -> None:
    """Refuse that devices come back by a record that is not read when the host is started. Raises HostdevError."""
    if os.path.normpath(path) != FACTS_PATH:
        raise HostdevError(
            "persist_failed",
            subject=f"facts_path {path}",
            found="persist: true, for a record in another folder",
            wanted=f"the record in {FACTS_PATH}, which is the one that is read when the host is started",
            remedy="leave facts_path out, or set persist: false",
        )


def keeper(module: AnsibleModule, tree: Tree) -> t.Callable[[], Keeper] | None:
    """What makes what is left on the host so that devices come back; None for a record that no unit would read.

    Raises HostdevError where it was asked for.
    """
    path = module.params["facts_path"]
    if module.params.get("persist"):
        check_kept(path)
    if os.path.normpath(path) != FACTS_PATH:
        return None

    def made() -> Keeper:
        from .persisting import keeper as of_payload

        return of_payload(tree)

    return made


def flow(module: AnsibleModule, *, needs_libvirt: bool) -> Flow:
    """The flow of a module that changes the host. Raises HostdevError when it must not or cannot."""
    if module.params.get("recording") is not None:
        from .rehearsing import rehearsal

        return rehearsal(module, needs_libvirt=needs_libvirt)
    system, file = changing_system(module, needs_libvirt=needs_libvirt)
    detaching = {name: module.params[name] for name in ("detach_timeout", "on_detach_timeout") if name in module.params}
    return Flow(
        system,
        file,
        check_mode=module.check_mode,
        lock_timeout=module.params["lock_timeout"],
        keeper=keeper(module, system.tree),
        **detaching,
    )


def tell_warnings(module: AnsibleModule, outcome: Outcome) -> None:
    for warning in dict.fromkeys(outcome.warnings):
        module.warn(one_line(warning))


def result(module: AnsibleModule, outcome: Outcome, *, also: t.Iterable[str] = (), none: str = "") -> dict[str, t.Any]:
    """What these modules return; `also` is what the plans do not tell, `none` what is said where all is as it was."""
    tell_warnings(module, outcome)
    told: dict[str, t.Any] = {
        "changed": outcome.changed,
        "msg": words(module, outcome, also) or none,
        "stopped": outcome.stopped,
        "plan": [step.as_dict() for plan in outcome.plans for step in plan.steps]
        + [step.as_dict() for step in outcome.let_go],
    }
    if module._diff:
        told["diff"] = outcome.diff
    return told


def words(module: AnsibleModule, outcome: Outcome, also: t.Iterable[str] = ()) -> str:
    """What was done, or in check mode would be, in one line, empty where nothing was asked for."""
    if not outcome.plans and not outcome.changed and not also:
        return ""
    from ..._model.claims.words import told_apart
    from ..._model.plan.words import told_of

    beside = beside_plans(outcome, check_mode=module.check_mode)
    return told_of(outcome.plans, told_apart(outcome.owners), check_mode=module.check_mode, also=[*beside, *also])


def beside_plans(outcome: Outcome, *, check_mode: bool) -> t.Iterator[str]:
    """What was done, or would be, that is in nobody's plan."""
    would = "would be " if check_mode else ""
    if outcome.recovered:
        yield f"an interrupted run {would}settled"
    if outcome.stopped:
        from ..._model.claims.words import short

        yield f"{few([short(domain) for domain in outcome.stopped])} {would}stopped hard"
    if outcome.cleaned:
        yield f"{few(outcome.cleaned)} {would}free to claim again"
    if outcome.let_go:
        yield f"{few([step.address for step in outcome.let_go])} {would}given to the host's drivers"
    if outcome.mended:
        yield f"the record {would}mended"
    adopted = outcome.adoption is not None and outcome.adoption.changed
    done = adopted or any(part.changed for part in (*outcome.plans, *outcome.vfs))
    if (outcome.kept or outcome.kept_off) and not done:
        yield f"what keeps devices over a reboot {would}written anew"


def claim_of(plan: Plan) -> dict[str, t.Any]:
    """The owner's claim after a plan, without its devices, which `devices` and `node_devices` have."""
    return {key: value for key, value in plan.after.as_dict().items() if key not in ("devices", "node_devices")}


def due_back(plan: Plan) -> t.Iterator[str]:
    """When devices of a claim that was changed are due back, in words."""
    held = (*plan.after.holdings.values(), *plan.after.node_devices.values())
    due = sorted({one.until for one in held if one.until is not None})
    if due and plan.changed and plan.operation == "claim":
        yield f"due back {few(due)}"


def devices(plan: Plan) -> list[dict[str, t.Any]]:
    """The devices of a plan: those held after a claim, those given back by a release."""
    if plan.operation == "claim":
        return [held.as_dict() for held in plan.after.holdings.values()]
    return [held.as_dict() for address, held in plan.before.holdings.items() if address not in plan.after.holdings]


def node_devices(plan: Plan) -> list[dict[str, t.Any]]:
    """The USB and SCSI devices of a plan, likewise."""
    if plan.operation == "claim":
        return [held.as_dict() for held in plan.after.node_devices.values()]
    return [held.as_dict() for name, held in plan.before.node_devices.items() if name not in plan.after.node_devices]
