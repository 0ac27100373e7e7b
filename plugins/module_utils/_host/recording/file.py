# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recording as a compressed file."""

from __future__ import annotations

import gzip
import json
import typing as t
import zlib

from ..._model.recording.recording import Recording, parse_recording, unreadable

_LARGEST = 1 << 28


def as_bytes(recording: Recording) -> bytes:
    """The file's content, the same for the same recording."""
    text = json.dumps(recording.as_dict(), separators=(",", ":"), sort_keys=True)
    return gzip.compress(text.encode("ascii"), mtime=0)


def read_recording(path: str) -> Recording:
    """The recording in a file. Raises HostdevError with code recording_unreadable."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LARGEST)
        data = _unpacked(content) if content[:2] == b"\x1f\x8b" else content
        value: t.Any = json.loads(data)
    except OSError as error:
        raise unreadable(path, f"it can't be read: {error.strerror or error}") from error
    except (ValueError, EOFError, zlib.error, RecursionError) as error:
        raise unreadable(path, f"it is broken: {error}") from error
    return parse_recording(value, path)


def _unpacked(content: bytes) -> bytes:
    """At most so much: a small file may unpack to more than the machine has."""
    unpacker = zlib.decompressobj(wbits=31)
    data = unpacker.decompress(content, _LARGEST)
    if unpacker.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {_LARGEST >> 20} MiB")
    if not unpacker.eof:
        raise EOFError("it is cut off")
    return data
