# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Libvirt's books of the host's devices, as src/hypervisor/virhostdev.c and src/util/virpci.c keep them (9.0 to 11.3).

A device is active while a running domain has it. It is inactive when libvirt has it prepared for a domain and no domain
has it; who bound it to VFIO decides what becomes of it then. test_fake_libvirt.py states the rules.
"""

from __future__ import annotations

import errno
import typing as t

from ansible_collections.kvm.hostdev.tests.unit.helpers.libvirt_api import SYSTEM_ERROR, LibvirtError, invalid

if t.TYPE_CHECKING:
    import xml.etree.ElementTree as ET

    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel

PCI, USB, SCSI = "PCI", "USB", "SCSI"


class Prepared(t.NamedTuple):
    """What libvirt remembers of a device (virPCIDevice): `unbinds` when it was libvirt that bound it to VFIO."""

    managed: bool
    unbinds: bool


class HostDevices:
    """Prepares devices for domains and gives them back; without a kernel it only keeps books.

    `links` are the interfaces of the PFs, by which it sets up the VFs that are a domain's interfaces.
    """

    def __init__(self, kernel: FakeKernel | None, links: FakeIp | None = None) -> None:
        self._kernel = kernel
        self._links = links
        self.active: dict[str, tuple[str, Prepared | None]] = {}
        self.inactive: dict[str, Prepared] = {}

    def prepare(self, domain: str, elements: t.Iterable[ET.Element]) -> None:
        """Make what these elements name the domain's, all or nothing. Raises LibvirtError."""
        devices = {name: (kind, element) for element in elements for kind, name in [named(element)] if name}
        functions = {name: element for name, (kind, element) in devices.items() if kind == PCI}
        for name, element in functions.items():
            self._check_unused(name, domain)
            if element.tag == "interface":
                self._check_pf(name)
        try:
            for name, element in functions.items():
                self._detach(name, element)
            for name, (kind, _element) in devices.items():
                if kind != PCI:
                    self._check_other(kind, name)
            for name in functions:
                self._open(name)
        except LibvirtError:
            self._reattach(functions)
            raise
        for name in devices:
            self.active[name] = (domain, self.inactive.pop(name, None))

    def give_back(self, domain: str, elements: t.Iterable[ET.Element]) -> None:
        """The domain has them no longer: those that are managed, and were bound by libvirt, go back to the host."""
        names = [named(element)[1] for element in elements]
        left = [name for name in names if self.active.get(name, (None,))[0] == domain]
        for name in left:
            prepared = self.active.pop(name)[1]
            if prepared is not None:
                self.inactive[name] = prepared
        self._reattach(left)

    def _check_unused(self, name: str, domain: str) -> None:
        """Not even the domain itself may have the function; of its IOMMU group no other one."""
        mates = () if self._kernel is None else self._kernel.group(name)
        for mate in dict.fromkeys((name, *mates)):
            user = self.active.get(mate, (None,))[0]
            if user is not None and (mate == name or user != domain):
                raise invalid(f"PCI device {mate} is in use by driver QEMU, domain {user}")

    def _check_pf(self, name: str) -> None:
        """What is kept of a VF's settings is asked of its PF, which must be up (virNetDevSaveNetConfig)."""
        for interface in () if self._links is None else self._links.settings:
            if not self._links.is_up(interface):
                raise LibvirtError(
                    f"internal error: Unable to configure VF {name} of PF '{interface}' because the PF is not online. "
                    "Please change host network config to put the PF online."
                )

    def _check_other(self, kind: str, name: str) -> None:
        if name not in self.active:
            return
        if kind == USB:
            numbers = name.rpartition(" ")[2].partition(".")
            raise invalid(
                f"USB device {numbers[0]:0>3}:{numbers[2]:0>3} is in use by driver QEMU, domain {self.active[name][0]}"
            )
        raise invalid(f"SCSI device {name} is already in use by other domain(s) as 'non-shareable'")

    def _detach(self, name: str, element: ET.Element) -> None:
        if self._kernel is None:
            return
        if not self._kernel.is_there(name):
            path = f"/sys/bus/pci/devices/{name}/config"
            raise LibvirtError(
                f"Device {name} not found: could not access {path}: No such file or directory", SYSTEM_ERROR
            )
        if _is_managed(element):
            model = element.find("driver[@model]")
            unbinds = self._bind(name, "vfio-pci" if model is None else model.get("model", ""))
            # What is in the list already stays as it is there.
            self.inactive.setdefault(name, Prepared(managed=True, unbinds=unbinds))
        elif name not in self.inactive:
            if not self._kernel.has_vfio(name):
                raise invalid(f"Unmanaged PCI device {name} must be manually detached from the host")
            self.inactive[name] = Prepared(managed=False, unbinds=False)

    def _bind(self, name: str, driver: str) -> bool:
        """Bind a function to a VFIO driver, and say whether that was needed; whether it worked is not looked at."""
        assert self._kernel is not None
        if not self._kernel.modprobe(driver):
            raise LibvirtError(f"internal error: Failed to load PCI driver module {driver}")
        if self._kernel.driver(name) == driver:
            return False
        self._rebind(name, driver)
        return True

    def _rebind(self, name: str, override: str) -> None:
        assert self._kernel is not None
        self._write(f"devices/{name}/driver_override", override)
        driver = self._kernel.driver(name)
        if driver is not None:
            self._write(f"drivers/{driver}/unbind", name)
        self._write("drivers_probe", name)

    def _write(self, path: str, text: str) -> None:
        assert self._kernel is not None
        try:
            self._kernel.store(f"/sys/bus/pci/{path}", text)
        except TimeoutError:
            raise  # libvirt itself waits without end
        except OSError as error:
            raise LibvirtError(f"Failed to write '{text.strip()}' to {path}: {error.strerror}", SYSTEM_ERROR) from error

    def _open(self, name: str) -> None:
        """What QEMU says when VFIO does not let it open the function."""
        if self._kernel is None:
            return
        try:
            self._kernel.check_viable(name)
        except OSError as error:
            said = "group is not viable: not all devices within the iommu_group are bound to their vfio bus driver"
            if error.errno == errno.ENODEV:
                said = f"error getting device from its group: {error.strerror}"
            raise LibvirtError(
                f"internal error: unable to execute QEMU command 'device_add': vfio {name}: {said}"
            ) from error

    def _reattach(self, names: t.Iterable[str]) -> None:
        for name in names:
            prepared = self.inactive.get(name)
            if prepared is None or not prepared.managed:
                continue
            if prepared.unbinds:
                try:
                    # The kernel's own choice, and not the driver that was there.
                    self._rebind(name, "\n")
                except LibvirtError:
                    continue  # a line in libvirt's log, and the device stays in the list
            del self.inactive[name]


def named(element: ET.Element) -> tuple[str, str]:
    """Kind and name of the host's device that an element of a domain gives to it, "" for one that gives none.

    A function has its address, a USB device the number that it has now, without one its ids.
    """
    source = element.find("source/address")
    if element.tag == "hostdev" and element.get("type") == "scsi":
        adapter = element.find("source/adapter")
        if adapter is None or source is None:
            return SCSI, ""
        return SCSI, ":".join([adapter.get("name", ""), *(source.get(part, "") for part in ("bus", "target", "unit"))])
    if element.tag == "hostdev" and element.get("type") == "usb":
        vendor, product = element.find("source/vendor"), element.find("source/product")
        if source is not None:
            return USB, f"usb {source.get('bus')}.{source.get('device')}"
        assert vendor is not None
        assert product is not None
        return USB, f"usb {vendor.get('id')}:{product.get('id')}"
    kinds = {"hostdev": "pci", "interface": "hostdev", "disk": "nvme"}
    if source is None or element.get("type") != kinds.get(element.tag):
        return PCI, ""
    domain, bus, slot, function = (int(source.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function"))
    return PCI, f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _is_managed(element: ET.Element) -> bool:
    source = element.find("source")
    return "yes" in (element.get("managed"), None if source is None else source.get("managed"))
