# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying a plan for the kernel's arguments out: the book, then the places, what is generated of them, the book again.

A cut anywhere leaves places that are old or new and a book that knows both; the next run goes on from there. A failure
is undone.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..._model.boot.book import Book, parse_book
from ..._model.errors import HostdevError
from .loaders.loader import Goal

if t.TYPE_CHECKING:
    from ..._model.boot.planning import ArgumentPlan, FileChange
    from .loaders.loader import Loader
    from .own_files import OwnFiles

_FOLDER = "/etc/kvm.hostdev"
BOOK = f"{_FOLDER}/kernel_arguments.json"


def read_book(files: OwnFiles) -> Book | None:
    """What earlier runs wrote down. Raises HostdevError: book_unreadable, book_untrusted."""
    data = files.read(BOOK)
    if data is None:
        return None
    wrong = files.distrust(BOOK)
    if wrong:
        raise HostdevError(
            "book_untrusted",
            subject=BOOK,
            found=wrong,
            wanted="a file that only root can have written, as root's files are restored by it",
            remedy="see what is in it, then: chown root: and chmod 0600 it",
        )
    return parse_book(data, BOOK)


class Change:
    """One change of a host's arguments: a plan, what it is for, and whether files are to be generated."""

    def __init__(self, loader: Loader, plan: ArgumentPlan, goal: Goal, *, generate: bool) -> None:
        self._loader, self._plan, self._goal, self._generate = loader, plan, goal, generate
        self._files = loader.host.files
        self._old = self._files.read(BOOK)
        self._folders = _folders(plan, self._files)

    def carry_out(self) -> None:
        """Raises HostdevError; everything is as it was then, or `undo_failed` says what is not."""
        files, plan = self._files, self._plan
        self._loader.tidy()
        for change in plan.changes:
            files.tidy(change.place.path)
        if plan.needed or self._generate:
            _write_book(files, dataclasses.replace(plan.before, folders=tuple(self._folders), unfinished=True))
            self._change()
        if plan.after.files:
            _write_book(files, dataclasses.replace(plan.after, folders=tuple(self._folders)))
        else:
            remove_book(files, self._folders)

    def _change(self) -> None:
        done: list[FileChange] = []
        try:
            for change in self._plan.needed:
                done.append(change)
                self._loader.write(change.place, change.after)
            if self._generate:
                self._loader.generate(self._goal, self._plan.changes)
        except HostdevError as error:
            raise self._undo(done, error) from error
        except OSError as error:
            told = unwritable(done[-1].place.path if done else BOOK, error)
            raise self._undo(done, told) from error

    def _undo(self, done: t.Sequence[FileChange], error: HostdevError) -> HostdevError:
        """In the loader's own order, which is safe whichever way the arguments go."""
        loader, plan, goal = self._loader, self._plan, self._goal
        try:
            for change in done:
                if loader.read(change.place.path) != change.now:
                    loader.write(change.place, change.now)
            # Some of what is generated may be new by now, as one ESP of two.
            gone = tuple(argument for argument in goal.present if argument not in plan.others)
            back = goal._replace(present=(), gone=gone)
            if loader.generated() and not goal.gone and self._old is None and loader.is_stale(back):
                loader.generate(back, plan.changes)
            if self._old is None:
                remove_book(self._files, self._folders)
            else:
                self._files.write(BOOK, self._old, mode=0o600, told=False)
        except (HostdevError, OSError) as second:
            return error.but(
                found=f"{error.found}; undoing it failed as well: {second}; the book {BOOK} has what was done",
                details={"undo_failed": str(second)},
            )
        return error


def _folders(plan: ArgumentPlan, files: OwnFiles) -> list[str]:
    """The folders that we made, and those that we are going to make."""
    made = list(plan.before.folders)
    for change in plan.needed:
        if change.after is not None and change.place.path.startswith("/"):
            made += files.missing_folders(change.place.path)
    return list(dict.fromkeys(made))


def _write_book(files: OwnFiles, book: Book) -> None:
    try:
        files.write(BOOK, book.as_bytes(), mode=0o600, told=False)
    except OSError as error:
        raise unwritable(BOOK, error) from error


def remove_book(files: OwnFiles, folders: t.Sequence[str]) -> None:
    """The folders before it, since it knows them; its own, if nothing else is in there, after it.

    That one is not in the book: a cut may leave it behind without a book.
    """
    for folder in sorted(folders, key=len, reverse=True):
        files.remove_folder(folder)
    try:
        files.remove(BOOK, told=False)
    except OSError as error:
        raise unwritable(BOOK, error) from error
    files.remove_folder(_FOLDER)


def unwritable(path: str, error: OSError) -> HostdevError:
    return HostdevError(
        "boot_files",
        subject=path,
        found=str(error),
        wanted="a file that root can read and write",
        remedy="free space on its file system, or have it mounted writable, then run the task again",
    )
