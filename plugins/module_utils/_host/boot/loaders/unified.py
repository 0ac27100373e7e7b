# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unified kernel images: an addon of ours beside them or, where that would not count, images that are built anew.

systemd-stub appends the command lines of addons to that of the image, from version 254 on (systemd-stub(7)).
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ...._model.boot.arguments import kernels_own, words
from ...._model.boot.formats.formats import CMDLINE, FORMATS, OWN
from ...._model.boot.formats.unified_image import command_line, is_signed
from ...._model.boot.planning import Place
from ...._model.errors import HostdevError
from .loader import KERNEL_CMDLINE, Loader
from .systemd_boot import partitions

if t.TYPE_CHECKING:
    from ...._model.boot.planning import FileChange
    from .loader import BootHost

_ADDON = "loader/addons/kvm-hostdev.addon.efi"
_SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_FIRST_WITH_ADDONS = 254
_KEYS = ("SecureBootPrivateKey", "SecureBootCertificate")
_END = r"(\+[\d-]+)?\.efi\Z"  # of an image's name, with boot counting's tries or none
_STAGE = ".kvm-hostdev"


class UnifiedImages(Loader):
    """What is read and written of an image or an addon is its command line; the file is made of it."""

    name = "unified_kernel_image"

    def __init__(self, host: BootHost, stub: str, running: t.Sequence[str] = ()) -> None:
        """`running` are the paths that loader and stub have told of the image that runs."""
        super().__init__(host)
        self._running = running
        self._partitions = partitions(host)
        self._addon = f"{self._partitions[0]}/{_ADDON}"
        self._keys = _signing_keys(host)
        version = re.search(r"\d+", stub)
        has_addons = version is not None and int(version.group()) >= _FIRST_WITH_ADDONS
        signed = not _secure_boot(host) or all(self._keys.values())
        self._with_addon = has_addons and signed and host.programs.has("ukify")

    def places(self) -> list[Place]:
        images = [Place(path, CMDLINE, insert=not self._with_addon) for path in self._images()]
        if not images:
            raise HostdevError(
                "boot_files",
                subject=f"{self._partitions[0]}/EFI/Linux",
                found="the running kernel is of a unified image, and none of this host is there",
                wanted="the images that this host boots from",
                remedy="mount the ESP, then run the task again",
            )
        paths = [*(image.path for image in images), KERNEL_CMDLINE]
        if self._with_addon and any(FORMATS[CMDLINE].lines(line).rest for line in map(self.read, paths) if line):
            # What the stub appends would come behind a lone --, and so be init's.
            self._with_addon = False
            return self.places()
        source = Place(KERNEL_CMDLINE, CMDLINE, insert=not self._with_addon)
        sources = [source] if self.host.files.read(KERNEL_CMDLINE) is not None else []
        if not self._with_addon and not sources:
            raise HostdevError(
                "boot_files",
                subject=KERNEL_CMDLINE,
                found="it is not there, and images are built of it",
                wanted="the arguments that images are built with",
                remedy=f"write {KERNEL_CMDLINE} with the arguments of this host",
            )
        addon = [Place(self._addon, OWN, own=_line)] if self._with_addon else []
        # The source first, since an image is built of it: until it is in its place, the old one boots.
        return [*sources, *images, *addon]

    def _images(self) -> list[str]:
        """The images of this host, the running one among them wherever it is."""
        paths = [
            f"{partition}/EFI/Linux/{name}"
            for partition in self._partitions
            for name in self.host.tree.names(f"{partition}/EFI/Linux")
            if name.endswith(".efi") and self._is_own(name)
        ]
        told = [f"{partition}/{path.lstrip('/')}" for partition in self._partitions for path in self._running]
        # A loader may write the path otherwise, or be itself what it names.
        names = {path.lower() for path in paths}
        return paths + [path for path in told if path.lower() not in names and self._is_image(path)]

    def _is_image(self, path: str) -> bool:
        data = self.host.files.read(path)
        return data is not None and command_line(data) is not None

    def _is_own(self, name: str) -> bool:
        """Whether an image is of this system, and not of another one on the same partition.

        kernel-install begins the name with a token, dracut ends it with the machine's id, mkinitcpio has neither.
        """
        if name.startswith("."):
            return False
        if name.lower() in (path.rpartition("/")[2].lower() for path in self._running):
            return True
        named = any(re.search(rf"(\A|-){token}(?=-|{_END})", name) for token in self._tokens())
        return named or self._version(name) is not None

    def _tokens(self) -> list[str]:
        """What kernel-install names this host's images by, as patterns."""
        texts = (self.host.tree.text(path) for path in ("/etc/machine-id", "/etc/kernel/entry-token"))
        return [re.escape(text) for text in texts if text]

    def check(self, changes: t.Sequence[FileChange]) -> None:
        for change in changes:
            if change.place.form != OWN and _is_efi(change.place.path):
                self._kernel(change.place.path)

    def read(self, path: str) -> bytes | None:
        data = super().read(path)
        if data is None or not _is_efi(path):
            return data
        line = command_line(data)
        return line if line is not None else b""

    def write(self, place: Place, data: bytes | None) -> None:
        if not _is_efi(place.path) or data is None:
            super().write(place, data)
        elif place.path == self._addon:
            self._build_addon(data)
        else:
            self._rebuild(place.path, data)

    def tidy(self) -> None:
        """Folders that hold what a program made, of which a cut leaves any part."""
        for partition in self._partitions:
            self._empty(f"{partition}/{_STAGE}")
        with contextlib.suppress(OSError):
            self.host.files.remove(self._made_addon(), told=False)

    def _empty(self, folder: str) -> None:
        for name in self.host.tree.names(folder):
            if self.host.tree.is_file(f"{folder}/{name}"):
                with contextlib.suppress(OSError):
                    self.host.files.remove(f"{folder}/{name}", told=False)
            else:
                self._empty(f"{folder}/{name}")
        self.host.files.remove_folder(folder)

    def _made_addon(self) -> str:
        return f"{self._addon.rpartition('/')[0]}/.kvm-hostdev"

    def _build_addon(self, line: bytes) -> None:
        """Beside its place, and read back before it counts."""
        made = self._made_addon()
        self.host.files.make_folders(made)
        options = [f"--secureboot-{name}={path}" for name, path in self._key_options()]
        text = line.decode("ascii").strip()
        try:
            self.host.programs.demand("ukify", "build", f"--cmdline={text}", f"--output={made}", *options)
            self._check_image(made, command_line(self.host.files.read(made) or b""), words(line))
            self.host.files.adopt(self._addon, made)
        except Exception:
            self.tidy()
            raise

    def _rebuild(self, path: str, line: bytes) -> None:
        """Build an image in a folder of its own on the same partition, and rename it over the one that boots.

        What else is in it comes from the sources of today, as with the next update of the kernel.
        """
        partition = max((folder for folder in self._partitions if path.startswith(f"{folder}/")), key=len)
        stage = f"{partition}/{_STAGE}"
        version, kernel = self._kernel(path)
        self.tidy()
        try:
            self.host.files.make_folders(f"{stage}/EFI/Linux/any")
            environment = {"BOOT_ROOT": stage, "SYSTEMD_RELAX_ESP_CHECKS": "1"}
            self.host.programs.demand("kernel-install", "add", version, kernel, environment=environment)
            names = [name for name in self.host.tree.names(f"{stage}/EFI/Linux") if name.endswith(".efi")]
            made = f"{stage}/EFI/Linux/{names[0]}" if len(names) == 1 else f"{stage}/EFI/Linux"
            old = self.host.files.read(path) or b""
            new = (self.host.files.read(made) or b"") if names else b""
            # All of the old image's as well: a host may not boot without what its source does not have any more.
            self._check_image(made, command_line(new), kernels_own(words(line)))
            if is_signed(old) and not is_signed(new):
                raise self._wrong_image(made, "the image that was built is not signed, as the one before it is")
            self.host.files.adopt(path, made)
            self.tidy()
        except Exception:
            self.tidy()
            raise

    def _kernel(self, path: str) -> tuple[str, str]:
        """The version and the file of the kernel in an image. Raises HostdevError: boot_files."""
        version = self._version(path)
        for kernel in (f"/usr/lib/modules/{version}/vmlinuz", f"/boot/vmlinuz-{version}"):
            if version is not None and self.host.tree.exists(kernel):
                return version, kernel
        raise HostdevError(
            "boot_files",
            subject=path,
            found="the kernel that it was built of is not there any more, or its name does not say which one that is",
            wanted="a kernel in /usr/lib/modules or /boot, to build the image anew with kernel-install",
            remedy="remove the image, or install its kernel; where another program builds the images, give them the "
            "arguments by hand",
        )

    def _version(self, path: str) -> str | None:
        name = path.rpartition("/")[2]
        versions = (*self.host.tree.names("/usr/lib/modules"), *self.host.tree.names("/lib/modules"))
        end = rf"(-({'|'.join(self._tokens())}))?{_END}"
        fitting = [version for version in versions if re.search(rf"(\A|-){re.escape(version)}{end}", name)]
        return max(fitting, key=len) if fitting else None

    def _check_image(self, made: str, line: bytes | None, asked: list[str]) -> None:
        if line is None:
            raise self._wrong_image(made, "no image with a command line was built")
        missing = [word for word in asked if word not in kernels_own(words(line))]
        if missing:
            raise self._wrong_image(made, f"the image that was built has no {missing[0]}")

    def _wrong_image(self, made: str, found: str) -> HostdevError:
        return HostdevError(
            "boot_files",
            subject=made,
            found=found,
            wanted="an image that boots this host with the arguments asked for",
            remedy=f"see what is in {KERNEL_CMDLINE} and /etc/kernel/uki.conf; the old image stays. Where a word is to "
            "go, build the image by hand with kernel-install, then run the task again",
        )

    def _key_options(self) -> t.Iterator[tuple[str, str]]:
        for name, key in zip(("private-key", "certificate"), _KEYS):
            if self._keys[key] and all(self._keys.values()):
                yield name, self._keys[key]


def _is_efi(path: str) -> bool:
    return path.lower().endswith(".efi")


def _line(arguments: tuple[str, ...]) -> bytes:
    return " ".join(arguments).encode("ascii")


def _secure_boot(host: BootHost) -> bool:
    data = host.tree.data(_SECURE_BOOT, 16)
    return bool(data and data[4:5] == b"\x01")


def _signing_keys(host: BootHost) -> dict[str, str]:
    """What /etc/kernel/uki.conf signs images with."""
    text = host.tree.text("/etc/kernel/uki.conf") or ""
    return {
        key: found.group(1) if (found := re.search(rf"^{key}\s*=\s*(\S+)", text, re.MULTILINE)) else "" for key in _KEYS
    }
