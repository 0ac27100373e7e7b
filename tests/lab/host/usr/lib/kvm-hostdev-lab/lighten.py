# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""lighten.py KERNEL VMLINUX: runs inside the new root, and does once what each boot would do again under emulation.

Modules become plain files without signatures. VMLINUX is the kernel as its image unpacks it, which QEMU starts as well.
"""

import lzma
import struct
import subprocess
import sys
from pathlib import Path

#: linux/module_signature.h: after the signature comes its length, in big-endian order, then these words.
_SIGNED = b"~Module signature appended~\n"
_SIGNATURE = struct.Struct(">8xI")


def unpacked(data: bytes) -> bytes:
    """Return what is packed in DATA by xz or zstd."""
    if data.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    raise ValueError(f"packed by neither xz nor zstd: {data[:6]!r}")


def lighten(module: Path) -> None:
    """Unpack a kernel module, and take its signature off."""
    data = module.read_bytes()
    if module.suffix != ".ko":
        data = unpacked(data)
        module.unlink()
        module = module.with_suffix("")
    if data.endswith(_SIGNED):
        end = len(data) - len(_SIGNED) - _SIGNATURE.size
        (length,) = _SIGNATURE.unpack_from(data, end)
        data = data[: end - length]
    module.write_bytes(data)


def vmlinux(image: bytes) -> bytes:
    """Return the ELF file in a kernel image (Documentation/arch/x86/boot.rst); the payload ends with its length."""
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (image[0x1F1] + 1) * 512 + offset
    return unpacked(image[begin : begin + length - 4])


if __name__ == "__main__":
    kernel, target = sys.argv[1:]
    for path in sorted(Path("/lib/modules", kernel).rglob("*.ko*")):
        lighten(path)
    Path(target).write_bytes(vmlinux(Path(f"/boot/vmlinuz-{kernel}").read_bytes()))
