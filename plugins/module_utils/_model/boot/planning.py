# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the files as they are, the book and the arguments wanted, to what becomes of each file."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..errors import HostdevError, few
from .arguments import place as place_in
from .book import Book, FileRecord, Version, digest
from .editing import Edit, Wanted, contradictions, edited, restored
from .formats.formats import FORMATS, OWN

if t.TYPE_CHECKING:
    from .editing import Format


@dataclass(frozen=True)
class Place:
    """A file that has, or is to have, arguments of the kernel.

    `key` is its name in the book, where the path may change (boot counting). `form` names its format in the book.
    `in_effect` reads what of the file counts, where files replace each other's values. `insert` says whether arguments
    may be put into it: others' files beside a drop-in of ours are only looked at. `own` makes a file that is wholly
    ours of the arguments that no other place has. `line` says that it is a line of its own, as an entry is, and not a
    part of one, as a variable's file is. `template` is what a file that isn't there is made of. `inherits`
    names the places that such files are made from: one that is new since we came has our arguments from there.
    `left` is a place that the loader does not name any more: it is only given back.
    """

    path: str
    form: str
    key: str = ""
    in_effect: Format | None = None
    insert: bool = True
    own: t.Callable[[tuple[str, ...]], bytes] | None = None
    template: t.Callable[[t.Mapping[str, bytes | None]], bytes] | None = None
    inherits: tuple[str, ...] = ()
    line: bool = True
    left: bool = False

    @property
    def name(self) -> str:
        return self.key or self.path


class Standing:
    """What others' files beside one of ours have, and what that one need not have."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._lines: list[list[str]] = []

    def add(self, place: Place, words: list[str]) -> None:
        if place.line:
            self._lines.append(words)
        else:
            self._parts += words

    def has(self, argument: str) -> bool:
        """Whether it is in a part of the line, or in each of several lines."""
        if place_in(argument, self._parts) is not None:
            return True
        return bool(self._lines) and all(place_in(argument, line) is not None for line in self._lines)


@dataclass(frozen=True)
class FileChange:
    """What becomes of a file: as it is now, as it would be without us, and as it is to be."""

    place: Place
    now: bytes | None
    base: bytes | None
    after: bytes | None
    edit: Edit

    @property
    def needed(self) -> bool:
        return self.now != self.after


@dataclass(frozen=True)
class ArgumentPlan:
    """What becomes of each file, in the order of writing, and the book for the time before and after that."""

    changes: tuple[FileChange, ...]
    before: Book
    after: Book
    others: frozenset[str] = field(default_factory=frozenset)
    """Arguments of ours that are somewhere by others' hands too, and so stay when ours go."""

    @property
    def needed(self) -> list[FileChange]:
        return [change for change in self.changes if change.needed]


def plan_arguments(
    places: t.Sequence[Place],
    read: t.Callable[[str], bytes | None],
    book: Book,
    wanted: Wanted,
) -> ArgumentPlan:
    """Raises HostdevError: argument_contradicted, boot_files."""
    places = [*places, *_left_places(places, book)]
    now = {place.name: read(place.path) for place in places}
    base = {place.name: _base(place, now[place.name], book) for place in places}
    _refuse_contradictions(places, base, wanted)
    changes: list[FileChange] = []
    standing = Standing()
    for place in sorted(places, key=lambda place: place.own is not None):
        try:
            changes.append(_changed(place, now[place.name], base, wanted, standing))
        except HostdevError as error:
            raise error if error.subject.startswith("/") else error.but(subject=place.path) from error
    # Decided on last, a file of ours is written where the loader has it in its order.
    changes.sort(key=lambda change: places.index(change.place))
    arguments = (*dict.fromkeys((*wanted.arguments, *book.arguments)),)
    after = _book_after(book, changes, wanted)
    return ArgumentPlan(
        tuple(changes),
        _book_before(book, changes, after, arguments),
        after,
        frozenset(argument for argument in arguments if _stands(argument, places, base)),
    )


def _left_places(places: t.Sequence[Place], book: Book) -> list[Place]:
    """What the book has and the loader does not name any more: it is only given back."""
    named = {place.name for place in places}
    return [
        Place(record.path, record.form, left=True)
        for record in book.files
        if record.path not in named and record.versions
    ]


def _base(place: Place, now: bytes | None, book: Book) -> bytes | None:
    """The file as it would be without us."""
    record = book.file(place.name)
    if now is None:
        return None
    if record is None:
        for source in filter(None, map(book.file, place.inherits)):
            for version in source.versions:
                now = restored(FORMATS[place.form], now, version.edit)
        return now
    if record.is_ours(now):
        return record.before
    if now == record.before:
        return now
    if record.form == OWN:
        return None
    for version in record.versions:
        now = restored(FORMATS[record.form], now, version.edit)
    return now


def _changed(
    place: Place, now: bytes | None, bases: t.Mapping[str, bytes | None], wanted: Wanted, standing: Standing
) -> FileChange:
    base = bases[place.name]
    after, edit = base, Edit()
    if place.left:
        pass
    elif place.own is not None:
        missing = tuple(argument for argument in wanted.arguments if not standing.has(argument))
        after, edit = (place.own(missing), Edit(missing)) if missing else (base, Edit())
    elif base is not None:
        form = place.in_effect or FORMATS[place.form]
        after, edit = edited(form, base, wanted, insert=place.insert)
        if now is not None and _same_words(form, now, after):
            # Others wrote the file anew, with ours at another place.
            after, edit = now, Edit(edit.added, edit.replaced)
        if not place.insert:
            standing.add(place, form.lines(after).words(after))
    elif place.template is not None and wanted.arguments:
        made = place.template(bases)
        after, edit = edited(FORMATS[place.form], made, wanted)
        if not edit.added and not edit.replaced:
            after = None  # whatever a new kernel gets its arguments from has them by somebody else's hand
    return FileChange(place, now, base, after, edit)


def _same_words(form: Format, now: bytes, after: bytes) -> bool:
    return now != after and sorted(form.lines(now).words(now)) == sorted(form.lines(after).words(after))


def _refuse_contradictions(places: t.Iterable[Place], base: t.Mapping[str, bytes | None], wanted: Wanted) -> None:
    found: list[str] = []
    subjects: list[str] = []
    for place in places:
        data = base[place.name]
        if data is None or place.own is not None or place.left:
            continue
        form = place.in_effect or FORMATS[place.form]
        for word, argument in contradictions(form.lines(data).words(data), wanted.arguments):
            if wanted.may_replace(word):
                continue
            found.append(f"{word} against {argument} in {place.path}")
            subjects.append(place.path)
    if found:
        raise HostdevError(
            "argument_contradicted",
            subject=subjects[0],
            found=few(list(dict.fromkeys(found))),
            wanted="no argument of somebody else's that takes back what is asked for: the last one wins",
            remedy="take it out of the file, or set contradictions=replace to have it replaced until state=absent",
        )


def _stands(argument: str, places: t.Iterable[Place], base: t.Mapping[str, bytes | None]) -> bool:
    for place in places:
        data = base[place.name]
        if data is not None and place.own is None and not place.left:
            form = place.in_effect or FORMATS[place.form]
            if place_in(argument, form.lines(data).words(data)) is not None:
                return True
    return False


def _book_before(book: Book, changes: t.Iterable[FileChange], after: Book, arguments: tuple[str, ...]) -> Book:
    """For the time of the edits: of each file what it may be by then, edited or not yet."""
    records = []
    for change in changes:
        old, new = book.file(change.place.name), after.file(change.place.name)
        versions = (*(new.versions if new else ()), *(old.versions if old else ()))
        if versions or new:
            known = tuple({version.digest: version for version in versions}.values())
            records.append(FileRecord(change.place.name, change.place.form, change.base, known))
    folders = tuple(dict.fromkeys((*book.folders, *after.folders)))
    return Book(after.loader, arguments, tuple(records), folders)


def _book_after(book: Book, changes: t.Iterable[FileChange], wanted: Wanted) -> Book:
    records: list[FileRecord] = []
    ours: set[str] = set()
    for change in changes:
        versions: tuple[Version, ...] = ()
        if change.after != change.base and change.after is not None:
            versions = (Version(digest(change.after), change.edit),)
            ours.update(change.edit.added, (new for _old, new in change.edit.replaced))
        if versions or (change.place.inherits and change.now is not None):
            # An entry that was there before us is known, also where it had all by itself.
            records.append(FileRecord(change.place.name, change.place.form, change.base, versions))
    if not ours:
        return Book(book.loader)
    arguments = tuple(argument for argument in wanted.arguments if argument in ours)
    return Book(book.loader, arguments, tuple(records), book.folders)
