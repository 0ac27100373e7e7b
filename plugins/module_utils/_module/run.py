# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a module: the one place where errors become fail_json, and where the host's objects are put together."""

from __future__ import annotations

import gc
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule

from .._model.errors import HostdevError, one_line
from .zip_imports import compile_once


class Module(AnsibleModule):
    """Ansible's module object, whose failed results all have `error`, also where Ansible itself refuses an option.

    Lists of mappings may be given as a text with JSON, as forms and the command line have it.
    """

    def __init__(self, *arguments: t.Any, **named: t.Any) -> None:
        self._wrong: HostdevError | None = None
        super().__init__(*arguments, **named)
        if self._wrong:
            self.fail_json(self._wrong.message, error=self._wrong.as_result())

    def _load_params(self) -> None:
        """Before Ansible splits a text at its commas."""
        super()._load_params()
        if any(isinstance(value, str) and value.lstrip()[:1] in ("[", "{") for value in self.params.values()):
            from .json_texts import read_lists

            self._wrong = read_lists(self.params, self.argument_spec)

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        if "error" not in result:
            from .refused import refused

            msg, result["error"] = refused(msg)
        super().fail_json(msg, **result)
        raise AssertionError("fail_json came back")  # pragma: no cover


def run(module: AnsibleModule, work: t.Callable[[AnsibleModule], dict[str, t.Any]]) -> t.NoReturn:
    """Do the work and exit with its result; every HostdevError ends as one failed result with all its parts.

    What the work needs it imports itself, so that it is compiled once.
    """
    compile_once()
    gc.disable()  # what a module reads of a host it keeps to its end: looking for garbage only takes time
    try:
        result = work(module)
    except HostdevError as error:
        module.fail_json(msg=error.message, error=error.as_result())
    except Exception as error:  # a defect of ours, or a host unlike any we know: say so, with the place
        told = HostdevError(
            "unexpected",
            subject=f"Unexpected {type(error).__name__}",
            found=one_line(str(error)),
            remedy="This is a bug in kvm.hostdev; please report it",
        )
        module.fail_json(
            msg=f"{told.subject}: {told.found}. {told.remedy}.",
            error=told.as_result(),
            exception=traceback.format_exc(),
        )
    finally:
        gc.enable()
    module.exit_json(**result)
    raise AssertionError("exit_json came back")  # pragma: no cover
