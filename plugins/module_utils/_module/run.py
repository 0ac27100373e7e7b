# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a module: the one place where errors become fail_json, and where the host's objects are put together."""

from __future__ import annotations

import gc
import traceback
import typing as t

from .._model.errors import HostdevError, one_line
from .zip_imports import compile_once

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


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
        module.fail_json(
            msg=f"Unexpected {type(error).__name__}: {one_line(str(error))}. "
            "This is a bug in kvm.hostdev; please report it.",
            exception=traceback.format_exc(),
        )
    finally:
        gc.enable()
    module.exit_json(**result)
    raise AssertionError("exit_json came back")  # pragma: no cover
