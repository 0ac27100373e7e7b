# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random hosts as fake roots, many of them with files that are missing, cut short or full of nonsense.

What the tests compare with is noted while a host is made, and not read back from its files.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import Entries

Address = tuple[int, int, int, int]

# Intel VMD numbers its domains from 10000, Hyper-V may use all of 16 bits.
_DOMAINS = (0, 1, 0xFFFF, 0x10000, 0x10001)
_DRIVERS = (None, None, "e1000e", "nvme", "pcieport", "vfio-pci", "mlx5_vfio_pci", "pci-stub", "shpchp", "variant")
_CLASSES = (
    "010802",
    "020000",
    "030000",
    "060000",
    "060100",
    "060400",
    "060400",
    "060400",
    "0c0330",
    "0c0500",
    "0c0700",
    "ff0000",
)
_NOISE = ("", "\n", "garbage\n", "0x\n", "-1\n", "0xfffffffffffffffffffff\n", "\N{GREEK SMALL LETTER MU}\n", "1 2 3\n")
_KERNELS: dict[str | None, tuple[int, int]] = {
    "4.18.0-553.el8.x86_64": (4, 18),
    "5.18.19": (5, 18),
    "5.19.0-rc1": (5, 19),
    "6.12.48+deb13-amd64": (6, 12),
    "nonsense": (99, 0),
    None: (99, 0),
}


@dataclass
class Function:
    """A PCI function as it was made; `header_type` is the one that its config space still tells."""

    address: str
    order: Address
    path: str
    header_type: int
    driver: str | None
    vfio: bool
    group: int | None
    above: Function | None
    virtual_functions: list[str] = field(default_factory=list)


@dataclass
class RandomHost:
    """`entries` is for `recorded.expand`; `present` are the functions that count, in address order."""

    entries: Entries
    kernel: tuple[int, int]
    present: list[Function]


@st.composite
def hosts(draw: st.DrawFn) -> RandomHost:
    """Up to fourteen functions in up to three PCI domains, with what carries the host's disks and routes."""
    release = draw(st.sampled_from(list(_KERNELS)))
    maker = _Maker(draw)
    for domain in draw(st.lists(st.sampled_from(_DOMAINS), min_size=1, max_size=3, unique=True)):
        maker.domain(domain)
    if maker.functions:
        for _pf in range(draw(st.integers(0, 2))):
            maker.virtual_functions()
    maker.vanished()
    maker.host_files()
    if release is not None:
        maker.file("/proc/sys/kernel/osrelease", f"{release}\n")
    return RandomHost(
        maker.entries, _KERNELS[release], sorted(maker.functions.values(), key=lambda function: function.order)
    )


class _Maker:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.entries: Entries = {}
        self.functions: dict[str, Function] = {}
        self._interfaces: list[str] = []
        self._blocks: list[str] = []

    def file(self, path: str, text: str) -> None:
        self.entries[path] = {"file": text}

    def domain(self, domain: int) -> None:
        """Functions on the root bus and below bridges, those below what is no bridge included."""
        above: list[Function | None] = [None]
        for _function in range(self._draw(st.integers(0, 5))):
            parent = self._draw(st.sampled_from(above))
            bus = 0 if parent is None else above.index(parent)
            made = self._function((domain, bus, *self._draw(_PLACES)), parent)
            if made is not None:
                above.append(made)

    def virtual_functions(self) -> None:
        """A PF with VFs, its links to them numbered with gaps; some lead nowhere, or are missing on one side."""
        draw = self._draw
        pf = draw(st.sampled_from(list(self.functions.values())))
        for number in draw(st.lists(st.integers(0, 12), max_size=4, unique=True)):
            vf = self._function((*pf.order[:2], *draw(_PLACES)), pf.above)
            if vf is None:
                continue
            kind = draw(st.sampled_from(("both", "both", "no physfn", "no such PF", "no virtfn", "no such VF")))
            if kind in ("both", "no virtfn", "no such PF"):
                target = "0000:ee:1f.7" if kind == "no such PF" else pf.address
                self.entries[f"{vf.path}/physfn"] = {"link": f"../{target}"}
            if kind in ("both", "no physfn", "no such VF"):
                target = "0000:ee:1e.7" if kind == "no such VF" else vf.address
                if f"{pf.path}/virtfn{number}" not in self.entries:
                    self.entries[f"{pf.path}/virtfn{number}"] = {"link": f"../{target}"}
                    pf.virtual_functions.append(target)
        total, active = draw(st.sampled_from(("8\n", *_NOISE))), draw(st.sampled_from(("0\n", "2\n", "2\n", *_NOISE)))
        self.file(f"{pf.path}/sriov_totalvfs", total)
        self.file(f"{pf.path}/sriov_numvfs", active)

    def vanished(self) -> None:
        """Functions that went away while they were read: links to nothing, folders without ids."""
        for place in self._draw(st.lists(_PLACES, max_size=2, unique=True)):
            address = _text((0, 0xFE, *place))
            path = f"/sys/devices/pci0000:fe/{address}"
            self.entries[f"/sys/bus/pci/devices/{address}"] = {"link": f"../../..{path[4:]}"}
            if self._draw(st.booleans()):
                self.file(f"{path}/class", "0x020000\n")

    def host_files(self) -> None:
        """What the host uses, named by interfaces and disks that are there or not, with lines of any kind."""
        draw = self._draw
        interfaces = [*self._interfaces, "br0", "gone0"]
        blocks = [*self._blocks, "dm-0", "md0", "gone"]
        for name in ("br0", "bond0"):
            for linked in draw(st.lists(st.sampled_from([*interfaces, "bond0"]), max_size=3, unique=True)):
                kind = draw(st.sampled_from(("lower", "upper")))
                self.entries[f"/sys/devices/virtual/net/{name}/{kind}_{linked}"] = {"link": f"../../../{linked}"}
            self.entries[f"/sys/class/net/{name}"] = {"link": f"../../devices/virtual/net/{name}"}
        for name in ("dm-0", "md0"):  # made of each other, and of disks
            for slave in draw(st.lists(st.sampled_from(blocks), max_size=3, unique=True)):
                self.entries[f"/sys/devices/virtual/block/{name}/slaves/{slave}"] = {"link": f"../../{slave}"}
            self.entries[f"/sys/class/block/{name}"] = {"link": f"../../devices/virtual/block/{name}"}
        self.file("/sys/devices/virtual/block/dm-0/dm/uuid", draw(st.sampled_from(("LVM-x", "CRYPT-x", *_NOISE))))
        self.file("/sys/devices/virtual/block/md0/md/level", "raid1\n")
        block, interface = st.sampled_from(blocks), st.sampled_from(interfaces)
        for path, first, line in (
            ("/proc/self/mountinfo", "", block.map("22 1 {0}:1 / /mnt\\040x rw - ext4 /dev/{0} rw".format)),
            ("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n", block.map("/dev/{0} partition 1 0 -2".format)),
            ("/proc/net/route", "Iface\tDestination\n", interface.flatmap(_route)),
            ("/proc/net/ipv6_route", "", interface.flatmap(_route_v6)),
            ("/proc/net/if_inet6", "", interface.map(("fd" + "00" * 14 + "01 02 40 00 80 {}").format)),
            ("/proc/net/tcp", "  sl  local_address\n", st.just("0: 0100000A:0016 0200000A:D431 01 0 0 0")),
            ("/proc/net/tcp6", "  sl  local_address\n", st.just(f"0: {'B80D0120' * 4}:0016 {'B80D0120' * 4}:D431 01")),
        ):
            self.file(path, first + "\n".join(draw(st.lists(_spoilt(line), max_size=3))) + "\n")
        pool = draw(st.sampled_from(("tank", *_NOISE)))
        self.file("/proc/spl/kstat/zfs/tank/state", "ONLINE\n")
        self.file("/sys/devices/virtual/block/md0/dev", "9:0\n")
        self.file("/run/udev/data/b9:0", f"E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL={pool}\nE:{pool}E:\n")
        if draw(st.booleans()):
            node = draw(st.sampled_from(("/dev/vfio/3", "/dev/gone", "/dev/dri/card0", *map("/dev/{}".format, blocks))))
            self.entries["/proc/77/fd/3"] = {"link": node}

    def _function(self, order: Address, above: Function | None) -> Function | None:
        """Make a function, None where there is one; all that is noted of it is what its files still tell."""
        draw = self._draw
        address = _text(order)
        if address in self.functions:
            return None
        path = f"{above.path if above else f'/sys/devices/pci{order[0]:04x}:00'}/{address}"
        class_id = draw(st.sampled_from(_CLASSES))
        header_type, config = draw(_config_spaces(class_id == "060400"))
        driver, group = (
            draw(st.sampled_from(_DRIVERS)),
            draw(st.sampled_from((None, 0, 1, 2, *[40 + len(self.functions)] * 3))),
        )
        ups = "../" * path.count("/")
        self.entries[f"/sys/bus/pci/devices/{address}"] = {"link": f"../../..{path[4:]}"}
        self.entries[f"{path}/config"] = {"hex": config.hex(), "size": len(config)}
        if driver is not None:  # the folder it leads to is not there
            self.entries[f"{path}/driver"] = {"link": f"{ups}sys/bus/pci/drivers/{driver}"}
        if driver == "variant":
            self.entries[f"{path}/vfio-dev/vfio7"] = {"dir": True}
        if group is not None:
            self.entries[f"{path}/iommu_group"] = {"link": f"{ups}sys/kernel/iommu_groups/{group}"}
            if draw(st.booleans()):
                self.entries[f"/sys/kernel/iommu_groups/{group}/devices/{address}"] = {"link": f"../../../..{path[4:]}"}
        self._identity(path, class_id)
        for name, sound in _ATTRIBUTES.items():
            if draw(st.integers(0, 3)):
                self.file(f"{path}/{name}", draw(st.sampled_from((sound, sound, *_NOISE))))
        self.entries[f"{path}/vpd"] = {"hex": (vpd := draw(_VPD)).hex(), "size": len(vpd)}
        for child in draw(st.lists(st.sampled_from(_CHILDREN), max_size=2, unique=True)):
            self._child(path, child.format(len(self.functions)))
        made = Function(address, order, path, header_type, driver, driver in _VFIO, group, above)
        self.functions[address] = made
        return made

    def _identity(self, path: str, class_id: str) -> None:
        """By a whole uevent, or by files of their own, of which only vendor must be there, beside a broken uevent."""
        draw = self._draw
        lines = [f"PCI_CLASS={class_id.lstrip('0').upper()}", "PCI_ID=8086:10CA", "PCI_SUBSYS_ID=1AF4:1100"]
        lines += ["PCI_SLOT_NAME=0000:00:00.0", "MODALIAS=pci:v=1"]
        whole = draw(st.booleans())
        kept = lines if whole else draw(st.lists(st.sampled_from([*lines, "DRIVER", "="]), unique=True))
        self.file(f"{path}/uevent", "\n".join(kept) + "\n")
        if not whole:
            self.file(f"{path}/vendor", draw(st.sampled_from(("0x8086\n", *_NOISE))))
            self.file(f"{path}/class", draw(st.sampled_from((f"0x{class_id}\n", *_NOISE))))

    def _child(self, path: str, child: str) -> None:
        """A class device below the function; `->` makes a link that leads back to the function."""
        folder, arrow, _target = child.partition("->")
        if arrow:
            self.entries[f"{path}/{folder}"] = {"link": f"../{path.rsplit('/', 1)[-1]}"}
            return
        for name in ("address", "addr_assign_type", "serial", "size", "available_instances"):
            if self._draw(st.booleans()):
                self.file(f"{path}/{folder}/{name}", self._draw(st.sampled_from(("0\n", "7\n", *_NOISE))))
        self.entries[f"{path}/{folder}"] = {"dir": True}
        kind, _slash, name = folder.rpartition("/")
        if kind.endswith("net"):
            self._interfaces.append(name)
            self.entries[f"/sys/class/net/{name}"] = {"link": f"../..{path[4:]}/{folder}"}
        elif kind.endswith("block") or name.startswith("nvme"):
            self._blocks.append(name)
            self.entries[f"/sys/class/block/{name}"] = {"link": f"../..{path[4:]}/{folder}"}


_VFIO = ("vfio-pci", "mlx5_vfio_pci", "variant")
_PLACES = st.tuples(st.integers(0, 0x1F), st.integers(0, 7))
_ATTRIBUTES = {
    "device": "0x10ca\n",
    "subsystem_vendor": "0x1af4\n",
    "subsystem_device": "0x1100\n",
    "revision": "0x01\n",
    "driver_override": "(null)\n",
    "numa_node": "1\n",
    "boot_vga": "1\n",
    "reset_method": "flr bus\n",
    "max_link_speed": "16.0 GT/s PCIe\n",
    "max_link_width": "16\n",
    "current_link_width": "255\n",
    "resource": "0x00000000fe000000 0x00000000fe003fff 0x000000000014220c\n0x1 nonsense\n" * 4,
    "resource0_resize": "00000000000000f0\n",
    "rom": "",
}
_CHILDREN = (
    "net/eth{0}",
    "virtio{0}/net/eth{0}v",
    "nvme/nvme{0}/nvme{0}n1",
    "nvme/nvme{0}/nvme{0}c0n1",
    "ata1/host{0}/target0:0:0/0:0:0:0/block/sd{0}",
    "usb{0}/{0}-1/{0}-1:1.0/host{0}",
    "drm/card{0}",
    "mdev_supported_types/nvidia-{0}",
    "usb9{0}->",
    "host9{0}->",
    "virtfn->",
    "oddity{0}/net/eth{0}o",
)
_SN = b"SN\x0412 4"
_VPD = st.one_of(
    st.sampled_from(
        (b"", b"\x90", b"\x90\xff\xff", b"\x90\x07\0" + _SN, b"\x82\x02\0ab\x90\x20\0" + _SN, b"\x90\x03\0SN\xff")
    ),
    st.binary(max_size=24).map(b"\x90".__add__),
)


def _text(order: Address) -> str:
    domain, bus, slot, function = order
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function}"


@st.composite
def _config_spaces(draw: st.DrawFn, bridge: bool) -> tuple[int, bytes]:
    """A header type and a config space that tells it, or one too short to tell, which counts as type 0.

    Its list of capabilities may run in circles or lead anywhere.
    """
    header_type = draw(st.sampled_from((1, 1, 2))) if bridge else 0
    data = bytearray(256)
    data[0x06], data[0x0E], data[0x19] = 0x10, header_type | draw(st.sampled_from((0, 0x80))), draw(st.integers(0, 255))
    data[0x34] = 0x40
    data[0x40:0x42] = bytes((draw(st.sampled_from((0x10, 0x01))), draw(st.sampled_from((0x00, 0x40, 0xFC, 0xFF)))))
    data[0xFC] = 0x10
    length = draw(st.sampled_from((0, 0x0E, 64, 255, 256, 256, 256)))
    return header_type if length > 0x0E else 0, bytes(data[:length])


def _route(interface: str) -> st.SearchStrategy[str]:
    return st.tuples(
        st.sampled_from(("00000000", "0000000A", "FFFFFFFF")),
        st.sampled_from(("0001", "0003", "0201", "0000")),
        st.sampled_from(("00000000", "00FFFFFF", "FFFFFFFF")),
    ).map(lambda parts: f"{interface}\t{parts[0]}\t0100000A\t{parts[1]}\t0\t0\t100\t{parts[2]}\t0\t0\t0")


def _route_v6(interface: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("00" * 16 + " 00", "fd" + "00" * 15 + " 40", "ff" + "00" * 15 + " 08")).flatmap(
        lambda target: st.sampled_from(("00000001", "00000003", "00200200")).map(
            lambda flags: f"{target} {'00' * 16} 00 {'00' * 16} 00000400 00000001 00000000 {flags} {interface}"
        )
    )


def _spoilt(line: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A line as it is, cut short at some place, with a word replaced, or nonsense."""
    return st.one_of(
        line,
        st.tuples(line, st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]]),
        st.tuples(line, st.integers(0, 9), st.sampled_from(("", "garbage", "-1", "ff" * 20))).map(_with_word_replaced),
        st.sampled_from(("", " ", "garbage", " - ", "\\777", "\N{GREEK SMALL LETTER MU} " * 12)),
    )


def _with_word_replaced(spoilt: tuple[str, int, str]) -> str:
    line, place, word = spoilt
    words = line.split()
    return " ".join([*words[:place], word, *words[place + 1 :]])
