# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NICs that file systems and disks of the host come over, and which of them the host runs from."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.network_mounts import mounted_connections
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.storage_connection import parse_addresses
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.mountinfo import Mount
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.function import use_blockers
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import nic, routed_uses

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
ROUTES = [
    (("eth0",), "0.0.0.0/0", 254),
    (("eth1",), "192.0.2.0/24", 254),
    (("eth2",), "198.51.100.0/24", 254),
    (("eth2",), "2001:db8::/64", 254),
]
MAC = f"/sys/devices/pci0000:00/{B}/net/eth1/address"
SESSION = "/sys/devices/platform/host5/session1"
FABRICS = "/sys/devices/virtual/nvme-fabrics/ctl"


def mounts(*lines, process="self"):
    rows = [f"{30 + number} 1 {line}\n" for number, line in enumerate(lines)]
    return {f"/proc/{process}/mountinfo": "".join(rows)}


def nfs(point, address="192.0.2.9", options=""):
    return f"0:45 / {point} rw,relatime shared:9 - nfs4 server:/srv rw,vers=4.2{options},addr={address}"


def storage(folder, *parts, **keywords):
    """Address, detail and whether it may be accepted, of each use."""
    nics = [nic("eth0", A), nic("eth1", B), {MAC: "02:00:00:00:00:01\n"}, nic("eth2", C)]
    keywords.setdefault("routes", ROUTES)
    return [
        (use.address, use.detail, use.allowable)
        for use in routed_uses(folder, *nics, *parts, **keywords)
        if use.code == "network_storage"
    ]


def on(uses):
    return sorted({(address, allowable) for address, _detail, allowable in uses})


def block(name, path, number="8:0", slaves=(), **contents):
    made = {
        f"{path}/dev": f"{number}\n",
        f"/sys/class/block/{name}": "-> " + "../../.." + path,
        f"/sys/dev/block/{number}": "-> " + "../../.." + path,
        **{f"{path}/{file}": text for file, text in contents.items()},
    }
    made.update({f"{path}/slaves/{slave}": f"-> ../../{slave}" for slave in slaves})
    return made


# File systems.


def test_a_mount_over_the_network_keeps_the_nic_of_the_route_to_its_server(folder):
    assert storage(folder, mounts(nfs("/srv"))) == [(B, "server:/srv (nfs4) is mounted at /srv on eth1", True)]


@pytest.mark.parametrize("point", ["/", "/usr", "/var"])
def test_what_the_host_runs_from_is_not_to_be_accepted(folder, point):
    assert on(storage(folder, mounts(nfs(point)))) == [(B, False)]


def test_a_code_of_which_one_use_may_not_be_accepted_is_never_accepted(folder):
    parts = [nic("eth1", B), mounts(nfs("/srv"), nfs("/"))]
    host_uses = [use for use in routed_uses(folder, *parts, routes=ROUTES) if use.code == "network_storage"]
    (reason,) = use_blockers(B, host_uses)
    assert (reason.override, reason.accepted({"network_storage"})) == (None, False)
    (reason,) = use_blockers(B, [use for use in host_uses if use.allowable])
    assert (reason.override, reason.accepted({"network_storage"})) == ("allow: [network_storage]", True)


def test_the_interface_that_the_host_has_the_clients_address_on_counts_too(folder):
    line = nfs("/srv", options=",clientaddr=198.51.100.2")
    assert on(storage(folder, mounts(line), addresses=[("eth2", "198.51.100.2")])) == [(B, True), (C, True)]


def test_the_layers_of_an_overlay_are_what_the_host_runs_from(folder):
    overlay = "0:50 / / rw - overlay overlay rw,lowerdir=/run/root:/run/empty,upperdir=/run/rw/up,workdir=/run/rw/w"
    assert on(storage(folder, mounts(nfs("/run/root"), overlay))) == [(B, False)]


def test_an_image_on_a_network_file_system_is_what_the_host_runs_from(folder):
    loop = block("loop0", "/sys/devices/virtual/block/loop0", "7:0", **{"loop/backing_file": "/srv/root.img\n"})
    assert on(storage(folder, loop, mounts(nfs("/srv"), "7:0 / / rw - ext4 /dev/loop0 rw"))) == [(B, False)]


def test_a_mount_of_another_mount_namespace_counts(folder):
    parts = [mounts("8:1 / / rw - ext4 /dev/sda1 rw"), mounts(nfs("/data"), process=300)]
    spaces = {"/proc/self/ns/mnt": "-> mnt:[1]", "/proc/1/ns/mnt": "-> mnt:[1]", "/proc/300/ns/mnt": "-> mnt:[2]"}
    assert on(storage(folder, *parts, spaces)) == [(B, True)]


def test_the_nfs_client_tells_its_servers_whoever_mounted(folder):
    servers = (
        "NV SERVER   PORT USE HOSTNAME\nv4 c0000209  801   1 filer\nv4 20010db8000000000000000000000009  801 1 six\n"
    )
    assert storage(folder, {"/proc/fs/nfsfs/servers": servers}) == [
        (B, "NFS server filer on eth1", True),
        (C, "NFS server six on eth2", True),
    ]


def test_a_server_on_the_host_itself_needs_no_nic(folder):
    assert storage(folder, mounts(nfs("/srv", "127.0.0.1"), nfs("/six", "::1"))) == []


def test_a_server_of_which_only_the_name_is_known_may_be_behind_the_default_route(folder):
    ((address, detail, allowable),) = storage(folder, mounts("0:60 / /vol rw - fuse.glusterfs gl1:/vol rw,user_id=0"))
    assert (address, allowable) == (A, True)
    assert detail.endswith("is mounted at /vol, by no way that is told: perhaps through eth0 (default route)")


def test_a_server_through_a_tunnel_keeps_the_nic_below(folder):
    tunnel = {"/sys/devices/virtual/net/tun0/mtu": "1\n", "/sys/class/net/tun0": "-> ../../devices/virtual/net/tun0"}
    routes = [(("eth0",), "0.0.0.0/0", 254), (("tun0",), "192.0.2.0/24", 254)]
    assert on(storage(folder, tunnel, mounts(nfs("/")), routes=routes)) == [(A, False)]


@pytest.mark.parametrize(
    ("kind", "source", "options", "ends"),
    [
        ("nfs", "[2001:db8::9]:/srv", "addr=2001:db8::9,mountaddr=2001:db8::9", ["2001:db8::9"]),
        ("nfs4", "192.0.2.9:/srv", "rw,clientaddr=0.0.0.0", ["192.0.2.9"]),
        ("cifs", "//filer/share", "rw,vers=3.1.1,addr=192.0.2.9", ["192.0.2.9"]),
        ("smb3", "//192.0.2.9/share", "rw", ["192.0.2.9"]),
        ("cifs", "//[2001:db8::9]/share", "rw", ["2001:db8::9"]),
        ("ceph", "192.0.2.9:6789,192.0.2.10:6789:/sub", "rw,name=admin", ["192.0.2.9", "192.0.2.10"]),
        ("ceph", "[2001:db8::9]:6789,[2001:db8::a]:6789:/", "rw", ["2001:db8::9", "2001:db8::a"]),
        ("ceph", "admin@07fe3187.data=/", "rw,mon_addr=192.0.2.9:6789/192.0.2.10:6789", ["192.0.2.9", "192.0.2.10"]),
        ("9p", "192.0.2.9", "rw,trans=tcp,port=564", ["192.0.2.9"]),
        ("fuse.sshfs", "me@192.0.2.9:/home", "rw", ["192.0.2.9"]),
        ("fuse.sshfs", "me@[2001:db8::9]:", "rw", ["2001:db8::9"]),
        ("fuse.sshfs", "me@host:/x", "rw", []),
        ("fuse.glusterfs", "192.0.2.9:/vol", "rw", ["192.0.2.9"]),
        ("lustre", "192.0.2.9@tcp:192.0.2.10@tcp:/fs", "rw", ["192.0.2.9", "192.0.2.10"]),
    ],
)
def test_where_the_file_systems_of_a_network_have_their_servers(kind, source, options, ends):
    (connection,) = mounted_connections([Mount("0:50", "/x", kind, source, options)], ())
    assert connection.ends == tuple(map(ip_address, ends))


@pytest.mark.parametrize(
    ("number", "kind", "source"),
    [
        ("0:50", "tmpfs", "tmpfs"),
        ("0:50", "overlay", "overlay"),
        ("0:50", "9p", "share0"),
        ("0:50", "fuse.lxcfs", "lxcfs"),
        ("0:50", "zfs", "rpool/ROOT/1.2"),
        ("0:50", "proc", "proc"),
        ("8:1", "ext4", "/dev/sda1"),
        ("8:1", "ocfs2", "/dev/sdb1"),
    ],
)
def test_other_file_systems_are_of_no_network(number, kind, source):
    assert list(mounted_connections([Mount(number, "/x", kind, source, "rw")], ())) == []


@pytest.mark.parametrize(
    "text", ["", None, "host", "1.2", "300.1.1.1", "0.0.0.0", "::", "a:b", "12:34:56", "1.2.3.4:x"]
)
def test_what_is_no_address(text):
    assert parse_addresses(text) == ()


def test_addresses_with_port_and_zone():
    assert parse_addresses("192.0.2.1:3260", "[fe80::1%eth0]:3260", "fe80::2%eth1", "::ffff:192.0.2.1") == tuple(
        map(ip_address, ["192.0.2.1", "fe80::1%eth0", "fe80::2%eth1"])
    )


# Disks.


def iscsi(address="192.0.2.9", path=SESSION, **host):
    number = path.split("/host")[1].split("/")[0]
    return {
        f"{path}/iscsi_session/session1/targetname": "iqn.2026-01.example:disk\n",
        "/sys/class/iscsi_session/session1": f"-> ../../..{path}/iscsi_session/session1",
        f"{path}/connection1:0/iscsi_connection/connection1:0/address": f"{address}\n",
        "/sys/class/iscsi_connection/connection1:0": f"-> ../../..{path}/connection1:0/iscsi_connection/connection1:0",
        **{f"/sys/class/iscsi_host/host{number}/{file}": f"{text}\n" for file, text in host.items()},
    }


DISK = f"{SESSION}/target5:0:0/5:0:0:0/block/sdb"


def test_a_session_of_iscsi_keeps_the_nic_of_the_route_to_its_target(folder):
    assert storage(folder, iscsi(netdev="<NULL>", hwaddress="<NULL>")) == [
        (B, "iSCSI session 1 with iqn.2026-01.example:disk on eth1", True)
    ]


@pytest.mark.parametrize("netdev", [{"netdev": "eth2"}, {"ipaddress": "198.51.100.1"}])
def test_a_session_that_is_bound_to_an_interface_keeps_that_too(folder, netdev):
    assert on(storage(folder, iscsi(**netdev), addresses=[("eth2", "198.51.100.1")])) == [(B, True), (C, True)]


def test_an_offloaded_session_keeps_the_nic_with_its_address_and_the_adapter(folder):
    path = f"/sys/devices/pci0000:00/{C}/host6/session1"
    parts = iscsi(address="203.0.113.9", path=path, hwaddress="02:00:00:00:00:01")
    assert on(storage(folder, parts, routes=[])) == [(B, True), (C, True)]


@pytest.mark.parametrize("number", ["8:16", "8:17", "253:0", "9:0"])
def test_the_host_runs_from_a_disk_of_the_session(folder, number):
    parts = [
        iscsi(),
        block("sdb", DISK, "8:16"),
        block("sdb1", f"{DISK}/sdb1", "8:17", partition="1\n"),
        block("dm-0", "/sys/devices/virtual/block/dm-0", "253:0", slaves=["sdb1"]),
        block("md0", "/sys/devices/virtual/block/md0", "9:0", slaves=["dm-0", "sda"]),
        mounts(f"{number} / / rw - xfs /dev/x rw"),
    ]
    assert on(storage(folder, *parts)) == [(B, False)]


def test_the_host_runs_from_another_disk_than_the_sessions(folder):
    local = f"/sys/devices/pci0000:00/{A}/ata1/host0/target0:0:0/0:0:0:0/block/sda"
    parts = [iscsi(), block("sda", local, "8:0"), block("sdb", DISK, "8:16"), mounts("8:0 / / rw - xfs /dev/sda rw")]
    assert on(storage(folder, *parts, mounts("8:0 / / rw - xfs /dev/sda rw", "8:16 / /srv rw - xfs /dev/sdb rw"))) == [
        (B, True)
    ]


def test_swap_on_a_disk_of_the_session_is_what_the_host_runs_from(folder):
    parts = [iscsi(), block("sdb", DISK, "8:16"), {"/dev/sdb": "", "/proc/swaps": "Filename Type\n/dev/sdb file 1 0\n"}]
    assert on(storage(folder, *parts)) == [(B, False)]


def test_btrfs_on_several_disks_is_on_the_sessions_too(folder):
    local = f"/sys/devices/pci0000:00/{A}/ata1/host0/target0:0:0/0:0:0:0/block/sda"
    parts = [
        iscsi(),
        block("sda", local, "8:0"),
        block("sdb", DISK, "8:16"),
        {"/dev/sda": "", "/sys/fs/btrfs/u/devices/sda": "x", "/sys/fs/btrfs/u/devices/sdb": "x"},
        mounts("0:30 / / rw - btrfs /dev/sda rw"),
    ]
    assert on(storage(folder, *parts)) == [(B, False)]


def nvme(transport="tcp", address="traddr=192.0.2.9,trsvcid=4420", path=f"{FABRICS}/nvme3"):
    return {
        f"{path}/transport": f"{transport}\n",
        f"{path}/address": f"{address}\n",
        "/sys/class/nvme/nvme3": f"-> ../../..{path}",
    }


@pytest.mark.parametrize(
    ("transport", "address", "expected"),
    [
        ("tcp", "traddr=192.0.2.9,trsvcid=4420", [(B, True)]),
        ("rdma", "traddr=198.51.100.9,trsvcid=4420", [(C, True)]),
        ("tcp", "traddr=192.0.2.9,trsvcid=4420,host_iface=eth2", [(B, True), (C, True)]),
        ("tcp", "traddr=192.0.2.9,trsvcid=4420,host_traddr=198.51.100.1", [(B, True), (C, True)]),
        ("tcp", "traddr=192.0.2.9,trsvcid=4420,src_addr=198.51.100.1", [(B, True), (C, True)]),
        ("tcp", "", [(A, True)]),
        ("tcp", "traddr=127.0.0.1,trsvcid=4420", []),
        ("pcie", "0000:07:00.0", []),
        ("loop", "", []),
        ("apple-nvme", "", []),
    ],
)
def test_a_controller_over_fabrics_keeps_the_nic_between(folder, transport, address, expected):
    assert on(storage(folder, nvme(transport, address), addresses=[("eth2", "198.51.100.1")])) == expected


def test_a_controller_over_fibre_channel_keeps_its_adapter(folder):
    host = "/sys/devices/pci0000:00/0000:05:00.0/host7/fc_host/host7"
    parts = [
        nvme("fc", "traddr=nn-0x1:pn-0x2,host_traddr=nn-0x20000090fa942779:pn-0x10000090fa942779"),
        {f"{host}/port_name": "0x10000090fa942779\n", "/sys/class/fc_host/host7": f"-> ../../..{host}"},
    ]
    assert on(storage(folder, *parts)) == [("0000:05:00.0", True)]


@pytest.mark.parametrize(
    ("disk", "vital"),
    [
        (f"{FABRICS}/nvme3/nvme3n1", True),
        ("/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3n1", True),
        ("/sys/devices/virtual/nvme-subsystem/nvme-subsys4/nvme3n1", False),
    ],
)
def test_the_host_runs_from_a_disk_of_the_controller(folder, disk, vital):
    parts = [
        nvme(),
        block("nvme3n1", disk, "259:0"),
        {"/sys/devices/virtual/nvme-subsystem/nvme-subsys3/nvme3": "-> ../../nvme-fabrics/ctl/nvme3"},
        mounts("259:0 / / rw - ext4 /dev/nvme3n1 rw"),
    ]
    assert on(storage(folder, *parts)) == [(B, not vital)]


def virtual(name, number="43:0", **contents):
    return block(name, f"/sys/devices/virtual/block/{name}", number, **contents)


@pytest.mark.parametrize("root", [{}, mounts("43:1 / / rw - ext4 /dev/nbd0p1 rw")])
def test_a_network_block_device_keeps_the_nic_of_its_processs_sockets(folder, root):
    process = {
        "/proc/77/fd/3": "-> socket:[4242]",
        "/proc/77/fd/4": "-> /dev/null",
        "/proc/net/tcp": "head\n   0: 010200C0:A000 090200C0:2A3D 01 0:0 0:0 0 0 0 4242\n"
        "   1: 010200C0:A000 096433C6:2A3D 01 0:0 0:0 0 0 0 4243\n",
    }
    disk = "/sys/devices/virtual/block/nbd0"
    parts = [virtual("nbd0", pid="77\n"), block("nbd0p1", f"{disk}/nbd0p1", "43:1", partition="1\n"), process]
    assert storage(folder, *parts, root) == [(B, "network block device nbd0 on eth1", not root)]


def test_a_network_block_device_of_which_no_socket_is_seen_may_be_behind_the_default_route(folder):
    assert on(storage(folder, virtual("nbd0", pid="77\n"))) == [(A, True)]


def test_a_network_block_device_that_is_not_connected_or_has_a_local_server_needs_no_nic(folder):
    parts = [virtual("nbd0"), virtual("nbd1", "43:32", pid="77\n"), {"/proc/77/fd/3": "-> socket:[9]"}]
    assert storage(folder, *parts) == []


def test_ceph_keeps_the_nics_of_its_monitors_and_of_the_hosts_address(folder):
    config = "192.0.2.9:6789,192.0.2.10:6789 name=admin,key=client.admin rbd image -\n"
    parts = {"/sys/bus/rbd/devices/0/config_info": config, "/sys/bus/rbd/devices/0/client_addr": "198.51.100.1:0/7\n"}
    uses = storage(folder, virtual("rbd0"), parts, addresses=[("eth2", "198.51.100.1")])
    assert on(uses) == [(B, True), (C, True)]


def test_drbd_keeps_the_nics_to_the_peers_of_its_configuration(folder):
    text = "resource r0 { on a { address 198.51.100.1:7789; } on b { address ipv4 192.0.2.9:7789; } }\n"
    parts = [virtual("drbd0", "43:0"), {"/etc/drbd.d/r0.res": text, "/etc/drbd.d/r0.old": "address 203.0.113.1:1;"}]
    assert on(storage(folder, *parts, mounts("43:0 / / rw - ext4 /dev/x rw"))) == [(B, False), (C, False)]


def test_drbd_of_which_no_peer_is_known_may_be_behind_the_default_route(folder):
    assert on(storage(folder, virtual("drbd0"))) == [(A, True)]


def test_ata_over_ethernet_keeps_its_interfaces(folder):
    assert on(storage(folder, virtual("etherd!e1.0", netif="eth1,eth2\n"))) == [(B, True), (C, True)]


def test_fibre_channel_over_ethernet_keeps_its_interface(folder):
    path = f"/sys/devices/pci0000:00/{B}/net/eth1/ctlr_0"
    parts = {f"{path}/mode": "Fabric\n", "/sys/bus/fcoe/devices/ctlr_0": f"-> ../../../..{path}"}
    assert storage(folder, parts) == [(B, "Fibre Channel over Ethernet (ctlr_0) on eth1", True)]
