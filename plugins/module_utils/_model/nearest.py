# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words that may have been meant by one that is not known. Only what goes wrong needs it."""

from __future__ import annotations

import difflib
import typing as t

from .errors import few


def did_you_mean(word: str, known: t.Collection[str], otherwise: str = "") -> str:
    """The remedy for a word that is none of those known: the nearest of them.

    When none is near it is `otherwise`, or without that a few of the words, if there are any.
    """
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(folded), 1)
    if near:
        return f"did you mean {folded[near[0]]}?"
    return otherwise or (f"use one of {few(nearest_first(word, known))}" if known else "")


def nearest_first(word: str, known: t.Iterable[str]) -> list[str]:
    """The known words, those first that are most like the word."""
    return sorted(known, key=lambda name: (-difflib.SequenceMatcher(None, word, name).ratio(), name))
