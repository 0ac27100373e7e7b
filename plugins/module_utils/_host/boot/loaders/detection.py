# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which boot loader a host boots with. An installed package decides nothing: a host may have several."""

from __future__ import annotations

import re
import typing as t

from ...._model.boot.arguments import words
from ...._model.boot.formats.grub_config import has_blscfg
from ...._model.errors import HostdevError
from .grub_bls import ENTRIES, GrubBls
from .grub_debian import DEFAULTS, GrubDebian, reads_folder
from .grub_generated import GrubGenerated, GrubSuse
from .proxmox import UUIDS, ProxmoxBoot
from .rpm_ostree import RpmOstree
from .suse import SuseEntries
from .systemd_boot import SystemdBoot
from .unified import UnifiedImages

if t.TYPE_CHECKING:
    from .loader import BootHost, Loader

_VARIABLES = "/sys/firmware/efi/efivars"
_LOADER_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"  # systemd.io/BOOT_LOADER_INTERFACE
_KNOWN = ("systemd-boot", "GRUB")  # by what they say in LoaderInfo
_BLS_OFF = re.compile(rb"^[ \t]*GRUB_ENABLE_BLSCFG=(?![\"']?(?:true)?[\"']?[ \t]*(?:#|$))", re.MULTILINE)


def find_loader(host: BootHost) -> Loader:
    """The first that is found, in an order in which none is taken for another.

    Raises HostdevError: unknown_boot_loader with all that was looked at, and what a loader raises of itself.
    """
    seen: list[str] = []
    for look in (_xen, _ostree, _proxmox, _transactional, _suse, _unified, _another, _systemd_boot, _bls, _generated):
        loader = look(host, seen)
        if loader is not None:
            return loader
    raise _unknown("; ".join(seen))


def loader_variable(host: BootHost, name: str) -> str | None:
    """What a boot loader or a stub says in a variable of the firmware: 4 bytes of attributes, then UTF-16."""
    data = host.tree.data(f"{_VARIABLES}/{name}-{_LOADER_VENDOR}", 4096)
    return data[4:].decode("utf-16-le", "replace").rstrip("\0") or None if data is not None else None


def _unknown(found: str) -> HostdevError:
    return HostdevError(
        "unknown_boot_loader",
        subject="the boot loader",
        found=found,
        wanted="rpm-ostree, proxmox-boot-tool, SUSE's loaders, a unified kernel image, systemd-boot, or GRUB with or "
        "without entries of the Boot Loader Specification",
        remedy="give the kernel its arguments by hand, in the way of this host's loader",
    )


def _xen(host: BootHost, seen: list[str]) -> None:
    if "control_d" in (host.tree.text("/proc/xen/capabilities") or ""):
        raise _unknown("this is Xen's first domain (/proc/xen/capabilities), whose lines are Xen's own")


def _ostree(host: BootHost, seen: list[str]) -> Loader | None:
    if not host.tree.exists("/run/ostree-booted"):
        seen.append("no /run/ostree-booted")
        return None
    if host.programs.has("rpm-ostree"):
        return RpmOstree(host)
    raise _unknown("/run/ostree-booted is there, but no rpm-ostree: bootc or ostree without it")


def _proxmox(host: BootHost, seen: list[str]) -> Loader | None:
    if not host.tree.text(UUIDS):
        seen.append(f"no {UUIDS}")
    elif not host.programs.has("proxmox-boot-tool"):
        seen.append("no proxmox-boot-tool")
    elif host.programs.run("proxmox-boot-tool", "status", "--quiet", seconds=120).status:
        seen.append("proxmox-boot-tool status fails")
    else:
        return ProxmoxBoot(host)
    return None


def _transactional(host: BootHost, seen: list[str]) -> None:
    root = next((line.split(" ") for line in host.tree.lines("/proc/self/mountinfo") if _mounts_root(line)), [])
    if host.programs.has("transactional-update") and len(root) > 5 and "ro" in root[5].split(","):
        raise _unknown("the root is read-only and changed by transactional-update, whose next snapshot is another one")


def _mounts_root(line: str) -> bool:
    return len(line.split(" ")) > 5 and line.split(" ")[4] == "/"


def _suse(host: BootHost, seen: list[str]) -> Loader | None:
    text = host.tree.text("/etc/sysconfig/bootloader") or ""
    found = re.search(r"^LOADER_TYPE=[\"']?([\w-]*)", text, re.MULTILINE)
    if found is None:
        seen.append("no LOADER_TYPE in /etc/sysconfig/bootloader")
        return None
    kind = found.group(1)
    if kind in ("grub2", "grub2-efi") and host.programs.has("grub2-mkconfig"):
        return GrubSuse(host, "/boot/grub2/grub.cfg", "grub2-mkconfig")
    if kind in ("grub2-bls", "systemd-boot") and host.programs.has("sdbootutil"):
        return SuseEntries(host)
    raise _unknown(f"LOADER_TYPE is {kind or 'empty'} in /etc/sysconfig/bootloader, or its program is not there")


def _unified(host: BootHost, seen: list[str]) -> Loader | None:
    stub = loader_variable(host, "StubInfo")
    if stub is None:
        seen.append("no EFI variable StubInfo")
        return None
    # The stub's own word is of systemd 257 and later. The loader's is the stub's where there was no other loader. Of an
    # entry that systemd-boot has chosen the name is the file's.
    names = ("StubImageIdentifier", "LoaderImageIdentifier", "LoaderEntrySelected")
    told = (loader_variable(host, name) for name in names)
    return UnifiedImages(host, stub, running=tuple(path.replace("\\", "/") for path in told if path))


def _another(host: BootHost, seen: list[str]) -> None:
    """A loader that names itself and is none of those known, unless it has started GRUB: that says so to the kernel."""
    info = loader_variable(host, "LoaderInfo")
    if info is None or info.startswith(_KNOWN):
        return
    told = f"the EFI variable LoaderInfo says {info}"
    if _boot_image(host) is None:
        left = (f"{path} is there and was not booted from" for path in _configs(host))
        raise _unknown(
            "; ".join((*seen, f"{told}, and /proc/cmdline has no BOOT_IMAGE=, which GRUB puts there", *left))
        )
    seen.append(told)


def _boot_image(host: BootHost) -> str | None:
    """What GRUB, and hardly another, puts on the running kernel's line (grub-core/loader)."""
    line = words(host.tree.data("/proc/cmdline") or b"")
    return next((word for word in line if word.startswith("BOOT_IMAGE=")), None)


def _configs(host: BootHost) -> list[str]:
    return [path for path in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg") if host.tree.exists(path)]


def _systemd_boot(host: BootHost, seen: list[str]) -> Loader | None:
    info = loader_variable(host, "LoaderInfo")
    if info is not None:
        if info.startswith("systemd-boot"):
            image = _boot_image(host)
            if image is None or not _configs(host) or SystemdBoot(host).has_word(image):
                return SystemdBoot(host)
            seen.append(f"the EFI variable LoaderInfo says {info}, which started GRUB: /proc/cmdline has {image}")
        elif info.startswith(_KNOWN):
            seen.append(f"the EFI variable LoaderInfo says {info}")
        return None
    seen.append("no EFI variable LoaderInfo")
    # With a grub.cfg as well it is GRUB that booted: systemd-boot would have set the variable.
    if _configs(host) or not host.programs.has("bootctl"):
        return None
    if host.programs.run("bootctl", "is-installed", seconds=60).status:
        seen.append("bootctl is-installed fails")
        return None
    return SystemdBoot(host)


def _bls(host: BootHost, seen: list[str]) -> Loader | None:
    vendors = [f"/boot/efi/EFI/{name}/grub.cfg" for name in host.tree.names("/boot/efi/EFI")]
    configs = [path for path in ("/boot/grub2/grub.cfg", *vendors) if has_blscfg(host.files.read(path) or b"")]
    entries = [name for name in host.tree.names(ENTRIES) if name.endswith(".conf")]
    if _BLS_OFF.search(host.files.read(DEFAULTS) or b""):
        seen.append(f"GRUB_ENABLE_BLSCFG is off in {DEFAULTS}")
    elif not configs:
        seen.append("no blscfg in /boot/grub2/grub.cfg")
    elif not entries:
        seen.append(f"no entry in {ENTRIES}")
    elif not host.programs.has("grubby"):
        seen.append("no grubby")
    else:
        return GrubBls(host)
    return None


def _generated(host: BootHost, seen: list[str]) -> Loader | None:
    for path, program in (("/boot/grub/grub.cfg", "grub-mkconfig"), ("/boot/grub2/grub.cfg", "grub2-mkconfig")):
        if not host.tree.exists(path):
            seen.append(f"no {path}")
        elif not host.programs.has(program):
            seen.append(f"no {program}")
        elif has_blscfg(host.files.read(path) or b""):
            seen.append(f"{path} reads entries (blscfg)")
        elif program == "grub-mkconfig" and reads_folder(host):
            return GrubDebian(host)
        else:
            return GrubGenerated(host, path, program)
    return None
