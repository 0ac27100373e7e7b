# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, links and the program of ours on a host, in one run: each had or removed, and what has changed by that."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ..._model.errors import HostdevError
from ..._model.persistence.paths import FOLDER, MADE_FOLDERS, MARK, PROGRAM
from ..boot.own_files import OwnFiles
from ..boot.own_links import OwnLinks

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .program import Read

_DAMAGED = "damaged"


class Kept:
    """What is on the host, and what became or would become of it. Raises HostdevError: persist_failed.

    `mark` is the line by which files are told to be ours.
    """

    def __init__(self, tree: Tree, *, check: bool, mark: str = MARK) -> None:
        self._tree = tree
        self._check = check
        self._mark = mark
        self._files = OwnFiles(tree, check=check)
        self._links = OwnLinks(tree, check=check)
        self._program: list[str | None] = []
        """The program's digest before the first change, and now."""
        self.touched: set[str] = set()
        """What was changed since this was emptied."""

    @property
    def diff(self) -> list[dict[str, str]]:
        """An entry for each file and link that is not as it was, as Ansible's diff has them; the program by version."""
        before, now = (self._program[0], self._program[-1]) if self._program else (None, None)
        versions = {"before": _version(before), "after": _version(now)}
        program = [{"before_header": PROGRAM, "after_header": PROGRAM, **versions}] if before != now else []
        return [*program, *self._files.diff, *self._links.diff]

    def read(self, path: str) -> bytes | None:
        with _told(path):
            return self._files.read(path)

    def ours(self, path: str) -> bool:
        """Whether a file has our mark, in its first line or after the one that names an interpreter."""
        return self._mark.encode() in (self.read(path) or b"").split(b"\n")[:2]

    def write(self, path: str, text: str, *, executable: bool = False) -> None:
        """Have a file of that text, which none but its owner may write to."""
        mode = 0o755 if executable else 0o644
        with _told(path):
            self._files.tidy(path)
            if self._files.write(path, text.encode(), mode=mode):
                self.touched.add(path)
            local = self._tree.local(path)
            if not self._check and stat.S_IMODE(os.stat(local).st_mode) != mode:
                os.chmod(local, mode)

    def note(self, path: str) -> None:
        """Have an empty file there, which is nothing that anybody configures."""
        with _told(path):
            self._files.write(path, b"", told=False)

    def remove(self, path: str) -> None:
        """Have no file of ours there; another one stays."""
        with _told(path):
            self._files.tidy(path)
            if self.ours(path) and self._files.remove(path):
                self.touched.add(path)

    def link(self, path: str, target: str) -> None:
        with _told(path):
            self._links.tidy(path)
            if self._links.make(path, target):
                self.touched.add(path)

    def unlink(self, path: str, target: str) -> None:
        """Have no link there that leads to the target."""
        with _told(path):
            self._links.tidy(path)
            if self._links.target(path) == target and self._links.remove(path):
                self.touched.add(path)

    def install_program(self, payload: Read) -> None:
        """Have the program of these sources; one that is whole and of this version is not made again."""
        from .program import build, digest, digest_in

        if self._program and self._program[-1] is not None:
            return  # in this run already
        wanted = digest(payload)
        with _told(PROGRAM):
            self._files.tidy(PROGRAM)
            data = self._files.read(PROGRAM)
            found = None if data is None else digest_in(data) or _DAMAGED
            if found != wanted and not self._check:
                self._files.write(PROGRAM, build(payload), told=False)
            wrong = self._files.distrust(PROGRAM) if self._tree.exists(PROGRAM) else ""
        self._program += [wanted] if self._program else [found, wanted]
        if wrong:
            raise HostdevError(
                "persist_failed",
                subject=PROGRAM,
                found=wrong,
                wanted="a file that only root can write to, as root runs it at each start of the host",
                remedy="see who had a hand in it, and remove it",
            )

    def remove_program(self) -> None:
        from .program import digest_in

        with _told(PROGRAM):
            self._files.tidy(PROGRAM)
            data = self._files.read(PROGRAM)
            if data is not None or self._program:
                found = None if data is None else digest_in(data) or _DAMAGED
                self._program += [None] if self._program else [found, None]
                self._files.remove(PROGRAM, told=False)

    def note_folders(self, paths: t.Iterable[str]) -> None:
        """Write down which folders will be made for files and links, before they are."""
        known = self._made_folders()
        missing = [folder for path in paths for folder in self._files.missing_folders(path)]
        made = list(dict.fromkeys([*known, *(folder for folder in missing if folder != FOLDER)]))
        if made != known:
            with _told(MADE_FOLDERS):
                self._files.tidy(MADE_FOLDERS)
                self._files.write(MADE_FOLDERS, "".join(f"{folder}\n" for folder in made).encode(), told=False)

    def forget(self, path: str) -> None:
        """Have no such file, which is nothing that anybody configures."""
        with _told(path):
            self._files.remove(path, told=False)
            self._files.remove_folder(os.path.dirname(path))

    def remove_folders(self, *, last: bool = True) -> None:
        """Have none of those that were made, unless somebody else has put something into it.

        Unless this is the last of ours on the host it stays written down which they were.
        """
        for folder in sorted(self._made_folders(), key=len, reverse=True):
            self._files.remove_folder(folder)
        if not last:
            return
        with _told(MADE_FOLDERS):
            self._files.remove(MADE_FOLDERS, told=False)
        self._files.remove_folder(FOLDER)

    def _made_folders(self) -> list[str]:
        return (self.read(MADE_FOLDERS) or b"").decode("utf-8", "replace").split()


def _version(digest: str | None) -> str:
    return "" if digest is None else f"version {digest[:12]}\n"


@contextlib.contextmanager
def _told(path: str) -> t.Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostdevError(
            "persist_failed",
            subject=path,
            found=error.strerror or str(error),
            wanted="a file that root can write, so that devices come back when the host is started anew",
            remedy="free space or make it writable, then run the task again; or set persist: false",
        ) from error
