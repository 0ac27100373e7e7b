# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible sends to a host for a module: python3 payload.py MODULE FILE writes its zip, made by Ansible itself.

A process of its own, since Ansible's way of finding collections is that of the whole process from then on.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

COLLECTION = "ansible_collections/kvm/hostdev/"
UTILS = f"{COLLECTION}plugins/module_utils/"


def payload(module: str, folder: Path) -> Path:
    """The zip that Ansible makes for a module of this collection, written into a folder."""
    target = folder / f"{module}.zip"
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(_collections_path()), "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-B", __file__, f"kvm.hostdev.{module}", str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def shipped(archive: Path) -> dict[str, int]:
    """The files of this collection in a payload, by their path below it, with their sizes."""
    with zipfile.ZipFile(archive) as opened:
        return {
            info.filename[len(COLLECTION) :]: info.file_size
            for info in opened.infolist()
            if info.filename.startswith(COLLECTION)
        }


def _collections_path() -> Path:
    # Not by resolving links: the checkout is seen through one.
    return Path(os.path.abspath(__file__)).parents[6]


def _write(name: str, target: str) -> None:
    from ansible import constants
    from ansible.executor.module_common import modify_module
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader, module_loader
    from ansible.template import Templar

    init_plugin_loader([])
    context: t.Any = module_loader.find_plugin_with_context(name)
    built: t.Any = modify_module(
        module_name=context.resolved_fqcn,
        module_path=context.plugin_resolved_path,
        module_args={},
        templar=Templar(loader=DataLoader()),
        task_vars={"ansible_python_interpreter": sys.executable},
        module_compression=constants.DEFAULT_MODULE_COMPRESSION,
    )
    script = built[0] if isinstance(built, tuple) else built.b_module_data  # a tuple up to ansible-core 2.18
    archive = max(re.findall(rb"[A-Za-z0-9+/=]{1000,}", script), key=len)
    Path(target).write_bytes(base64.b64decode(archive))


if __name__ == "__main__":
    _write(*sys.argv[1:])
