# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding libvirt's Python binding, and opening libvirt with it."""

from __future__ import annotations

import contextlib
import os
import socket
import typing as t
from urllib.parse import urlsplit

from .._model.errors import HostdevError

if t.TYPE_CHECKING:
    from urllib.parse import SplitResult

    from ansible.module_utils.basic import AnsibleModule

    from .._host.libvirt.domains import Domains

# Distributions install the binding for these only.
_SYSTEM_PYTHONS = ("/usr/libexec/platform-python", "/usr/bin/python3", "/usr/bin/python")


class Libvirt(t.NamedTuple):
    """Libvirt as it was opened at `uri`; `handle` is a libvirt.virConnect, `binding` the module libvirt."""

    handle: t.Any
    binding: t.Any
    uri: str

    @property
    def error(self) -> type[Exception]:
        error: type[Exception] = self.binding.libvirtError
        return error

    @property
    def domains(self) -> Domains:
        from .._host.libvirt.domains import Domains

        return Domains(self.handle, self.error, reopen=self.reopen)

    def reopen(self) -> t.Any:
        """Another virConnect to the same libvirt. Raises `error`."""
        return self.binding.open(self.uri)

    def versions(self) -> dict[str, str]:
        """Versions of libvirt and, where the driver has one, of its hypervisor."""
        versions = {"libvirt_version": _version(self.handle.getLibVersion())}
        try:
            versions["hypervisor"] = str(self.handle.getType())
            versions["hypervisor_version"] = _version(self.handle.getVersion())
        except self.error:
            pass
        return versions


def find_binding(module: AnsibleModule) -> None:
    """Start the module anew under the system's Python where this one has no binding and that one has it.

    Ansible takes the newest Python it finds, distributions build the binding for their own. To be called before much
    is imported, since all of it is imported once more then. A recorded host needs none.
    """
    if module.params.get("recording") is not None:
        return
    try:
        import libvirt  # noqa: F401 - not only found: it may be one for another Python
    except ImportError:
        from ansible.module_utils.common.respawn import (
            has_respawned,
            probe_interpreters_for_module,
            respawn_module,
        )

        if has_respawned():
            return
        # A Python that can't be started has no binding for us: what needs it says that it is missing.
        with contextlib.suppress(OSError):
            interpreter = probe_interpreters_for_module(_SYSTEM_PYTHONS, "libvirt")
            if interpreter is not None:
                respawn_module(interpreter)


def connect(uri: str, *, required: bool) -> tuple[Libvirt | None, str]:
    """Libvirt, or None and the reason. With `required` a missing one raises HostdevError.

    One that leads to another host raises always: by its URI, before anything is opened, or by what it says itself.
    """
    check_local(uri)
    try:
        import libvirt
    except ImportError as error:
        from .missing_binding import missing_binding

        missing = missing_binding(error)
        if required:
            raise missing from error
        return None, missing.message
    # Without a handler libvirt prints each error to stderr.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        opened = Libvirt(libvirt.open(uri), libvirt, uri)
        _check_opened(opened)
        return opened, ""
    except libvirt.libvirtError as error:
        if required:
            raise HostdevError(
                "no_libvirt",
                subject=f"libvirt at {uri}",
                found=str(error),
                wanted="a connection",
                remedy="see whether libvirtd or virtqemud runs on the host, and that the task runs as root",
            ) from error
        return None, str(error)


def check_local(uri: str) -> None:
    """Raises HostdevError when the URI leads to another host: drivers are bound where the module runs.

    One without a driver may lead anywhere: an alias of libvirt.conf, which can have no colon, or the empty one, which
    stands for LIBVIRT_DEFAULT_URI, uri_default of libvirt.conf, or what libvirt finds (src/libvirt.c,
    virConnectOpenInternal).
    """
    parts = _split(uri)
    if parts is None or not parts.scheme:
        raise HostdevError(
            "remote_uri",
            subject=f"uri {uri}" if uri else "the empty uri",
            found="it names no driver: libvirt's configuration says where it leads, which may be another host",
            wanted="a URI that is written out, such as qemu:///system",
            remedy="set uri to what `virsh uri` shows on the host, or leave it out",
        )
    _driver, _plus, transport = parts.scheme.partition("+")
    if parts.netloc or transport not in ("", "unix"):
        raise _remote(f"uri {uri}", "it leads to another host")


def _split(uri: str) -> SplitResult | None:
    try:
        return urlsplit(uri)
    except ValueError:
        return None


def _remote(subject: str, found: str) -> HostdevError:
    return HostdevError(
        "remote_uri",
        subject=subject,
        found=found,
        wanted="a local one, such as qemu:///system",
        remedy="run the task on that host, through inventory or delegate_to",
    )


def _check_opened(libvirt: Libvirt) -> None:
    """Raises HostdevError when what was opened is another host's, as through a forwarded socket; it is closed then."""
    try:
        uri, host = str(libvirt.handle.getURI()), str(libvirt.handle.getHostname())
        check_local(uri)
        if not _is_this_host(host):
            raise _remote(f"libvirt at {libvirt.uri}", f"it is on the host {host}, and this is {os.uname().nodename}")
    except HostdevError:
        libvirt.handle.close()
        raise


def _is_this_host(name: str) -> bool:
    """Whether libvirt's name for its host is this one's: the kernel's, or the resolver's (src/util/virutil.c)."""
    own = {os.uname().nodename, socket.gethostname()}
    if _first_label(name) in map(_first_label, own):
        return True
    with contextlib.suppress(OSError):
        own = {entry[3] for entry in socket.getaddrinfo(socket.gethostname(), None, flags=socket.AI_CANONNAME)}
    return _first_label(name) in map(_first_label, own)


def _first_label(name: str) -> str:
    return name.partition(".")[0].lower()


def _version(number: int) -> str:
    return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
