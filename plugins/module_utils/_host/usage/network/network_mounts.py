# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""File systems that come over a network, NFS, SMB, Ceph ...: by the mounts, and by the kernel's NFS client."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .storage_connection import StorageConnection, parse_addresses

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from ..storage.mountinfo import Mount

# Options that have addresses of servers or the host's own: nfs(5), mount.cifs(8), mount.ceph(8), v9fs.
_ADDRESSES = ("addr", "mountaddr", "clientaddr", "ip", "srcaddr", "mon_addr")
# File systems whose source may name a host (host:/path, //host/path), of which only a resolver has the address.
_NETWORK_KINDS = re.compile(
    r"nfs4?|cifs|smb3|smbfs|ncpfs|ceph|lustre|afs|beegfs|panfs|gpfs|ocfs2|orangefs|pvfs2|"
    r"fuse\.(?:sshfs|glusterfs|ceph(?:-fuse)?|s3fs|davfs2?|rclone|curlftpfs|moosefs|mfs|quobyte)"
)


def mounted_connections(mounts: t.Iterable[Mount], vital: t.Container[str]) -> t.Iterator[StorageConnection]:
    """One for each mount that is of a network; `vital` are the mount points of the system."""
    for mount in mounts:
        ends = parse_addresses(*_told(mount))
        if ends or (_NETWORK_KINDS.fullmatch(mount.kind) and not mount.source.startswith("/dev/")):
            what = f"{mount.source} ({mount.kind}) is mounted at {mount.point}"
            yield StorageConnection(what, mount.point in vital, ends)


def _told(mount: Mount) -> t.Iterator[str]:
    """What may be an address in the options and the source: host:/path, [host]:/path, //host/path, user@host:path."""
    if not mount.number.startswith("0:"):
        return  # a disk's
    options = mount.named_options
    for name in _ADDRESSES:
        yield from options.get(name, "").split("/")
    source = mount.source.rpartition("@")[2] if mount.kind.startswith("fuse") else mount.source
    if source.startswith("//"):
        yield source[2:].partition("/")[0]
        return
    # Of Ceph several monitors with their ports, of Lustre servers with their networks; of 9P nothing but the address.
    hosts = source.partition(":/")[0] if ":/" in source else re.sub(r":(?!.*[:\]]).*", "", source)
    yield from (source, *re.split(r",|@\w+[:,]?", hosts))


def nfs_servers(tree: Tree) -> t.Iterator[StorageConnection]:
    """The servers that the NFS client keeps, whichever mount namespace they are mounted in (fs/nfs/client.c)."""
    for line in tree.lines("/proc/fs/nfsfs/servers")[1:]:
        # version, address in hexadecimal, port, uses, name
        parts = line.split()
        if len(parts) > 1:
            try:
                address = ipaddress.ip_address(bytes.fromhex(parts[1]))
            except ValueError:
                continue
            yield StorageConnection(f"NFS server {parts[-1]}", vital=False, ends=parse_addresses(str(address)))
