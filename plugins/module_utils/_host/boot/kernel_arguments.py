# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the arguments wanted to what became of the host's files, or in check mode would become."""

from __future__ import annotations

import dataclasses
import typing as t

from ..._model.boot.arguments import contradicts, in_force, kernels_own, place, words
from ..._model.boot.book import Book
from ..._model.boot.editing import Wanted
from ..._model.boot.huge_pages import pages_against
from ..._model.boot.planning import plan_arguments
from ..._model.errors import HostdevError
from .carrying_out import Change, read_book, remove_book, unwritable
from .loaders.detection import find_loader
from .loaders.loader import Goal
from .own_files import as_shown

if t.TYPE_CHECKING:
    from ..._model.boot.planning import ArgumentPlan
    from .loaders.loader import BootHost, Loader


@dataclasses.dataclass(frozen=True)
class ArgumentRequest:
    """What a task asks for. `absent` without arguments is all that is ours."""

    arguments: tuple[str, ...]
    absent: bool = False
    exclusive: bool = False
    replace: bool = False
    check: bool = False

    def wanted(self, book: Book) -> tuple[str, ...]:
        """The arguments that are to be there by our hand or another's, in the order in which they came."""
        if self.absent:
            return tuple(argument for argument in book.arguments if self.arguments and argument not in self.arguments)
        if self.exclusive:
            return self.arguments
        return tuple(dict.fromkeys((*book.arguments, *self.arguments)))


@dataclasses.dataclass(frozen=True)
class ArgumentOutcome:
    """What became of it: `loader` is None where nothing was to be done on a host of an unknown one."""

    loader: str | None = None
    changed: bool = False
    files: tuple[str, ...] = ()
    diff: tuple[dict[str, str], ...] = ()
    present: tuple[str, ...] = ()
    reboot_needed: bool = False
    notes: tuple[str, ...] = ()


def change_arguments(host: BootHost, request: ArgumentRequest) -> ArgumentOutcome:
    """Raises HostdevError: unknown_boot_loader, argument_contradicted, boot_files, boot_partition_unmounted,
    program_failed, book_unreadable, book_untrusted; nothing has changed then, unless it has `undo_failed`.
    """
    try:
        return _change(host, request)
    except OSError as error:
        raise unwritable(str(error.filename or "the boot loader's files"), error) from error


def _change(host: BootHost, request: ArgumentRequest) -> ArgumentOutcome:
    running = kernels_own(words(host.tree.data("/proc/cmdline") or b""))
    book = read_book(host.files)
    try:
        loader = find_loader(host)
    except HostdevError:
        if book is None and (request.absent or not request.arguments):
            return ArgumentOutcome(present=_present(request, running))
        raise
    known = dataclasses.replace(book, loader=loader.name) if book else Book(loader.name)
    if request.absent and book is None:
        return _nothing_of_ours(loader, request, known, running)
    _check_earlier(request, known)
    wanted = Wanted(request.wanted(known), request.replace, _agreed(known))
    plan = plan_arguments(loader.places(), loader.read, known, wanted)
    gone = tuple(argument for argument in known.arguments if argument not in wanted.arguments)
    goal = Goal(
        wanted.arguments,
        tuple(argument for argument in gone if argument not in plan.others),
        _may_go(known, plan, wanted),
    )
    loader.check(plan.needed)
    generate = bool(plan.needed) or known.unfinished or loader.is_stale(goal)
    if not request.check:
        Change(loader, plan, goal, generate=generate).carry_out()
    generated = loader.generated() if generate else []
    return ArgumentOutcome(
        loader=loader.name,
        changed=bool(plan.needed or generated),
        files=tuple(dict.fromkeys((*(change.place.path for change in plan.needed), *generated))),
        diff=tuple(_diff(plan)),
        present=_present(request, running),
        reboot_needed=_differs(goal, running) or (request.absent and _pending(loader, request, known, running)),
        notes=(*loader.notes, *([loader.note] if plan.needed and loader.note else [])),
    )


def _check_earlier(request: ArgumentRequest, book: Book) -> None:
    """Refuse what takes back what an earlier task asked for, which stays beside it."""
    if request.absent or request.exclusive:
        return
    for argument in request.arguments:
        for earlier in book.arguments:
            pages = pages_against(argument, earlier.split(" "))
            if pages or contradicts(argument, earlier) or contradicts(earlier, argument):
                raise HostdevError(
                    "argument_contradicted",
                    subject="arguments",
                    found=f"{argument} contradicts {earlier}, which an earlier task asked for",
                    wanted="one of the two",
                    remedy=f"take {earlier} out with state=absent first, or set exclusive=true",
                )


def _nothing_of_ours(loader: Loader, request: ArgumentRequest, book: Book, running: list[str]) -> ArgumentOutcome:
    """Nothing to take out."""
    loader.tidy()
    remove_book(loader.host.files, ())
    pending = _pending(loader, request, book, running)
    return ArgumentOutcome(loader.name, present=_present(request, running), reboot_needed=pending)


def _pending(loader: Loader, request: ArgumentRequest, book: Book, running: list[str]) -> bool:
    """Whether what an earlier run took out is on the running kernel's line, as it is until a reboot."""
    if not request.arguments:
        return False
    named = dataclasses.replace(book, arguments=request.arguments)
    plan = plan_arguments(loader.places(), loader.read, named, Wanted(()))
    gone = tuple(argument for argument in request.arguments if argument not in plan.others)
    return _differs(Goal((), gone), running)


def _agreed(book: Book) -> frozenset[str]:
    """The words that an earlier task was told to replace: that stays as long as its arguments do."""
    edits = [version.edit for record in book.files for version in record.versions]
    return frozenset(" ".join(old.split()) for edit in edits for old, _new in edit.replaced)


def _may_go(book: Book, plan: ArgumentPlan, wanted: Wanted) -> frozenset[str]:
    """The words that are ours or will be, and those of others that ours stand in for: whichever way it goes."""
    replaced = (old for change in plan.changes for old, _new in change.edit.replaced)
    known = (*book.arguments, *wanted.arguments, *replaced, *_agreed(book))
    return frozenset(word for argument in known for word in argument.split())


def _present(request: ArgumentRequest, running: list[str]) -> tuple[str, ...]:
    return tuple(argument for argument in request.arguments if in_force(argument, running))


def _differs(goal: Goal, running: list[str]) -> bool:
    """Whether the next boot's line says other things than the running kernel's, of what is asked for."""
    pending = any(not in_force(argument, running) for argument in goal.present)
    return pending or any(place(argument, running) is not None for argument in goal.gone)


def _diff(plan: ArgumentPlan) -> list[dict[str, str]]:
    return [
        {
            "before_header": change.place.path,
            "before": as_shown(change.now),
            "after_header": change.place.path,
            "after": as_shown(change.after),
        }
        for change in plan.needed
    ]
