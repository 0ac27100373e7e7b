# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one error that reaches a user: which thing, what was found, what was wanted, what to do."""

from __future__ import annotations

import typing as t


def one_line(text: str) -> str:
    """The text with line breaks and other control characters written as escapes.

    Names come from inventory, libvirt and devices, and may hold any character. Whoever reads logs by line, or looks at
    a terminal, must not take a part of a name for a message of its own.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def few(names: t.Collection[str], none: str = "", separator: str = ", ", most: int = 5) -> str:
    """The first of the names in one text, then how many more there are; `none` without any.

    A message stays one readable line, on a host with thousands of devices too.
    """
    named = separator.join(list(names)[:most]) or none
    return f"{named}{separator}and {len(names) - most} more" if len(names) > most else named


def of_all(names: t.Collection[str], one: str, many: str) -> list[str]:
    """One sentence for all of the names, which goes on as `one` or `many` does; none without any."""
    return [f"{few(names)} {one if len(names) == 1 else many}"] if names else []


class HostdevError(Exception):
    """A claim, release or inventory cannot go on.

    `code` is stable and machine-readable; `subject` names the device, domain, option or file; `details` holds
    further structured facts (blockers, candidates, manual commands) for the module's result.
    """

    def __init__(
        self,
        code: str,
        *,
        subject: str,
        found: str,
        wanted: str = "",
        remedy: str = "",
        details: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        """More than five parameters: each is a part of the message and of the result, given by its name."""
        self.code = code
        self.subject = subject
        self.found = found
        self.wanted = wanted
        self.remedy = remedy or ("give that instead" if wanted and code.startswith("invalid_") else "")
        self.details = dict(details or {})
        super().__init__(self.message)

    def but(self, *, details: t.Mapping[str, t.Any] | None = None, **changes: str) -> HostdevError:
        """A copy with some parts changed, by the names of the constructor's arguments; `details` add to its own."""
        parts = {
            "code": self.code,
            "subject": self.subject,
            "found": self.found,
            "wanted": self.wanted,
            "remedy": self.remedy,
            **changes,
        }
        return HostdevError(**parts, details={**self.details, **(details or {})})

    @property
    def message(self) -> str:
        """One readable line of all parts."""
        parts = [f"{self.subject}: {self.found}"]
        if self.wanted:
            parts.append(f"wanted: {self.wanted}")
        if self.remedy:
            parts.append(f"what to do: {self.remedy}")
        text = one_line("; ".join(part.rstrip(".") for part in parts))
        return text if text.endswith("?") else f"{text}."

    def as_result(self) -> dict[str, t.Any]:
        """The structured form for a module's failed result."""
        return {
            "code": self.code,
            "subject": self.subject,
            "found": self.found,
            "wanted": self.wanted,
            "remedy": self.remedy,
            **self.details,
        }
