# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a query can't answer: the same words as the modules' errors, as Ansible's own error."""

from __future__ import annotations

import functools
import inspect
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

_Answer = t.TypeVar("_Answer", bound=t.Callable[..., t.Any])


def wrong(subject: str, found: str, wanted: str = "", remedy: str = "") -> HostdevError:
    return HostdevError("wrong_query", subject=subject, found=found, wanted=wanted, remedy=remedy)


def one_of(value: object, words: t.Sequence[str], name: str) -> str:
    """The value of an option that has these choices. Raises HostdevError with the one that is meant."""
    if value not in words:
        raise wrong(name, f"found {value!r}", f"one of {', '.join(words)}", did_you_mean(str(value), words))
    return str(value)


def answers(name: str) -> t.Callable[[_Answer], _Answer]:
    """Of a filter or test with this name: a HostdevError in it becomes an AnsibleFilterError that begins with it.

    So do an option that it does not take, and one that is missing.
    """

    def decorate(answer: _Answer) -> _Answer:
        signature = inspect.signature(answer)
        taken = signature.parameters
        any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values())

        @functools.wraps(answer)
        def answered(*arguments: t.Any, **options: t.Any) -> t.Any:
            try:
                for option in () if any_name else options:
                    one_of(option, list(taken)[1:], "an option")
                _check_call(signature, arguments, options)
                return answer(*arguments, **options)
            except HostdevError as error:
                raise AnsibleFilterError(f"{name}: {error.message}") from None

        return t.cast("_Answer", answered)

    return decorate


def _check_call(signature: inspect.Signature, arguments: t.Sequence[t.Any], options: t.Mapping[str, t.Any]) -> None:
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        wanted = f"the input, then {', '.join(list(signature.parameters)[1:]) or 'no option'}"
        raise wrong("the options", f"found {len(arguments) + len(options) - 1}: {error}", wanted) from None
