# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab host's image: a root file system as ext4, its kernel and initrd, and the key that opens it."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import cache, emulator, loaders, say
from .suites import SUITES

#: Room for what the tests write; the file is sparse, and nothing written to it outlives the lab.
SIZE = "4G"

_HERE = Path(__file__).parent
_ASSETS = "usr/lib/kvm-hostdev-lab"
_HOST = (
    *("initramfs-tools", "zstd", "xz-utils", "cpio", "kmod", "udev"),
    *("systemd-sysv", "dbus", "openssh-server", "iproute2", "procps", "sudo", "pciutils", "busybox-static"),
    "e2fsprogs",
    *("python3", "python3-libvirt", "libvirt-daemon-system", "libvirt-clients", "qemu-system-x86"),
)
#: What only a host has whose kernel is started from outside: the fewer, the sooner another one has booted again.
_USES = (
    # What the host may use its disks and interfaces with (test_host_uses.py, test_kernel_holders.py).
    *("lvm2", "mdadm", "cryptsetup-bin", "btrfs-progs", "fdisk", "openvswitch-switch", "bcache-tools"),
    *("xfsprogs", "wireguard-tools"),
)
#: Never unpacked: nobody reads them in the lab. pci.ids, which the modules read, lies in /usr/share/misc.
_EXCLUDED = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/icons/*"),
    *(
        f"{base}/*/kernel/{folder}/*"
        for base in ("/lib/modules", "/usr/lib/modules")
        for folder in (
            *("sound", "drivers/media", "drivers/net/wireless", "drivers/infiniband", "drivers/staging", "drivers/iio"),
            *("drivers/gpu/drm/amd", "drivers/gpu/drm/nouveau", "drivers/gpu/drm/i915", "drivers/gpu/drm/xe"),
            *("drivers/gpu/drm/radeon", "drivers/isdn", "drivers/bluetooth", "net/bluetooth", "drivers/input"),
            # networkd asks for it.
            *("net/wireless", "net/mac80211"),
        )
    ),
)


@dataclass(frozen=True)
class Image:
    """The files of one built image; one with a LOADER boots by itself."""

    folder: Path
    loader: str | None = None

    @property
    def disk(self) -> Path:
        """Return the disk, never to be written to: an ext4 file system, or with a loader one with partitions."""
        return self.folder / ("disk.raw" if self.loader else "disk.ext4")

    @property
    def kernel(self) -> Path:
        """Return the kernel, as installed in the image."""
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """Return the initramfs that mounts the disk."""
        return self.folder / "initrd"

    @property
    def key(self) -> Path:
        """Return the private key of root."""
        return self.folder / "id_ed25519"


def ensure(suite: str, tools: emulator.Emulator, loader: str | None = None) -> Image:
    """Return the image of SUITE that is booted by LOADER, built into the cache if it is not there yet."""
    if suite not in SUITES:
        raise say.LabError(f"no recipe for a host of suite {suite!r}: choose one of {', '.join(SUITES)}")
    recipe = {
        "version": 1,
        "suite": suite,
        "packages": _packages(suite, loader),
        "components": SUITES[suite].components,
        "excluded": _EXCLUDED,
        "size": SIZE,
        "disk": loaders.RECIPE if loader else None,
        "files": {path: hashlib.sha256(source.read_bytes()).hexdigest() for path, source in _files(loader).items()},
    }
    kind = f"{loader or 'host'}-{suite}"
    return Image(cache.entry(kind, recipe, lambda folder: _build(suite, Image(folder, loader), tools)), loader)


def _packages(suite: str, loader: str | None) -> tuple[str, ...]:
    # The lab's own kernel module is built with the headers, which are removed once it is.
    own = loaders.PACKAGES[loader] if loader else (*_USES, *SUITES[suite].headers)
    return (SUITES[suite].kernel, *_HOST, *own)


def _files(loader: str | None) -> dict[str, Path]:
    """Return what is laid into the image, by its path there."""
    overlay = _HERE / "host"
    files = {str(source.relative_to(overlay)): source for source in sorted(overlay.rglob("*")) if source.is_file()}
    return {**files, f"{_ASSETS}/init": _HERE / "guest" / "init", **(loaders.files(loader) if loader else {})}


def _build(suite: str, image: Image, tools: emulator.Emulator) -> None:
    folder = image.folder
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kvm.hostdev lab", "-f", image.key], check=True
    )
    overlay = folder / "overlay"
    for path, source in _files(image.loader).items():
        target = overlay / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    keys = overlay / "root/.ssh/authorized_keys"
    keys.parent.mkdir(parents=True)
    shutil.copyfile(f"{image.key}.pub", keys)

    archive = folder / "root.tar"
    release = SUITES[suite]
    with say.step(f"installing {release.distribution} {suite}{f' with {image.loader}' if image.loader else ''}"):
        emulator.mmdebstrap(
            "--variant=minbase",
            *release.options(),
            f"--include={','.join(_packages(suite, image.loader))}",
            *(f"--dpkgopt=path-exclude={path}" for path in _EXCLUDED),
            # Else the machine id is taken out again.
            "--skip=cleanup/reproducible",
            # Before the kernel is installed, so that its initramfs is made the lab's way.
            f"--essential-hook=sync-in {shlex.quote(str(overlay))} /",
            *(f"--customize-hook={hook}" for hook in _hooks(image)),
            suite,
            str(archive),
            log=folder / "build.log",
        )
    with say.step("writing the disk"):
        if image.loader:
            loaders.write_disk(image.disk, archive, folder / "efi", SIZE, tools)
            shutil.rmtree(folder / "efi")
        else:
            options = ("-q", "-F", "-t", "ext4", "-L", "lab", "-E", "root_owner=0:0,lazy_itable_init=1")
            emulator.run(tools.command("usr/sbin/mke2fs", *options, "-d", str(archive), str(image.disk), SIZE), tools)
    for copy in (image.kernel, image.initrd):
        if not copy.exists() or not os.path.getsize(copy):
            raise say.LabError(f"the image has no /boot/{copy.name}; its build is logged in {folder / 'build.log'}")
    archive.unlink()
    shutil.rmtree(overlay)


def _hooks(image: Image) -> Iterator[str]:
    """Yield what is done in the new root once all is installed, and what is taken out of it."""
    folder = shlex.quote(str(image.folder))
    yield f'chroot "$1" sh /{_ASSETS}/customize'
    yield f"copy-out /boot/vmlinuz /boot/initrd {folder}"
    # A host has its kernels under their versions only.
    yield 'rm "$1/boot/vmlinuz" "$1/boot/initrd"'
    if image.loader:
        yield f'chroot "$1" sh /{_ASSETS}/lean'
        yield f'chroot "$1" sh /{_ASSETS}/loader {shlex.join(loaders.ARGUMENTS)}'
        yield f"copy-out /boot/efi {folder}"
        yield 'rm -r "$1/boot/efi"/*'
