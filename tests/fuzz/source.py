# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values from bytes: the engine varies the bytes, a target makes of them the structures that it wants."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

ODD_TEXTS = (
    *(
        "",
        " ",
        "*",
        "\0",
        "\n",
        "a\nb",
        "../../etc/passwd",
        "'",
        '"',
        "$(id)",
        "; id #",
        "`id`",
        "&amp;",
        "<x/>",
        "é",
        "\u202e",
    ),
    *("\ud800", "²", "٣", "9" * 5000, "[" * 3000, "(" * 600, "a{99999999999}", "nan", "inf", "-1", "0x", "1e9", "None"),
)
_ODD_NUMBERS = (0, 1, -1, 2, 3, 7, 8, 31, 32, 255, 256, 65535, 65536, 1 << 31, 1 << 32, 1 << 64, -(1 << 63))
_COMMON = string.hexdigits + ":.*xX-_,^[]{}()\\|+?$ " + string.ascii_lowercase


class Source:
    """Takes values from bytes, from the front; when they are used up every choice is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def below(self, limit: int) -> int:
        """A number from 0 and less than the limit, which is at most 65536."""
        size = 1 if limit <= 256 else 2
        part = self._data[self._place : self._place + size]
        self._place += size
        return int.from_bytes(part, "little") % limit

    def chance(self, one_in: int) -> bool:
        return self.below(one_in) == one_in - 1

    def pick(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def some(self, values: Sequence[T], most: int = 6) -> list[T]:
        return [self.pick(values) for _turn in range(self.below(most + 1))]

    def rest(self) -> bytes:
        """All bytes that are left."""
        data = self._data[self._place :]
        self._place = len(self._data)
        return data

    def text(self, words: Sequence[str] = ()) -> str:
        """A word as it is or mangled, an odd text, or characters put together."""
        kind = self.below(6)
        if kind < 3 and words:
            return self.pick(words)
        if kind == 3 and words:
            return self._mangled(self.pick(words))
        if kind == 4:
            return self.pick(ODD_TEXTS)
        return "".join(self.pick(_COMMON) for _turn in range(self.below(14)))

    def number(self) -> int:
        return self.pick(_ODD_NUMBERS) if self.chance(3) else self.below(16)

    def value(self, words: Sequence[str] = (), keys: Sequence[str] = (), depth: int = 3) -> Any:
        """What YAML or JSON can hold; most of it texts, deeper down only plain values."""
        kind = self.below(12 if depth > 0 else 9)
        if kind == 5:
            return self.number()
        if kind == 6:
            return self.pick((None, True, False))
        if kind == 7:
            return self.pick((0.0, 1.5, -2.0, 1e300, float("inf"), float("nan")))
        if kind >= 10:
            return self.mapping(words, keys, depth - 1)
        if kind == 9:
            return [self.value(words, keys, depth - 1) for _turn in range(self.below(4))]
        return self.text(words)

    def mapping(self, words: Sequence[str], keys: Sequence[str], depth: int = 2) -> dict[Any, Any]:
        """A mapping with most of its keys among those given."""
        return {
            self.pick(keys)
            if keys and not self.chance(12)
            else self.pick(("", "x", 1, None, True, "a\nb")): self.value(words, keys, depth)
            for _turn in range(self.below(6))
        }

    def _mangled(self, word: str) -> str:
        place = self.below(max(1, min(len(word), 256)))
        kind = self.below(4)
        if kind == 0:
            return word[:place] + word[place + 1 :]
        if kind == 1:
            return word[:place] + self.pick(_COMMON) + word[place + 1 :]
        if kind == 2:
            return word[:place] + self.pick(ODD_TEXTS) + word[place:]
        return word[:place] + word
