# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, shown step by step: on the lab host, or its reading part on a host of your own."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import topology
from .machine import Lab
from .play import TaskResult, play
from .say import LabError

DOMAIN = "web1"
REQUEST = {"name": "nic", "specs": [{"vendor_id": "8086", "product_id": "10ca", "device_type": "type-VF"}]}


class Demo:
    """Steps with a title, what was observed in each, and how long each took."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float, list[tuple[str, bool]]]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str, bool], None]]:
        """Announce a step; what it is given back to is called with each observation and whether it held."""
        observed: list[tuple[str, bool]] = []

        def see(what: str, held: bool) -> None:
            observed.append((what, held))
            print(f"  {'seen' if held else 'NOT SEEN'}: {what}", flush=True)

        print(f"\n== {len(self._steps) + 1}. {title}", flush=True)
        begun = time.monotonic()
        try:
            yield see
        except LabError as error:
            see(str(error), False)
            raise
        finally:
            self._steps.append((title, time.monotonic() - begun, observed))

    def summary(self) -> bool:
        """Print all steps with their times; say whether every observation held."""
        print("\n== Summary")
        for number, (title, seconds, observed) in enumerate(self._steps, 1):
            held = sum(1 for _what, seen in observed if seen)
            print(f"  {number}. {title:<78} {held}/{len(observed)} seen {seconds:6.1f} s")
        every = [seen for _title, _seconds, observed in self._steps for _what, seen in observed]
        total = sum(seconds for _title, seconds, _observed in self._steps)
        print(f"  {sum(every)} of {len(every)} observations held, in {total:.0f} s")
        return bool(every) and all(every)


def on_the_lab(demo: Demo, suite: str) -> None:
    """All of it, on an emulated host."""
    with Lab(suite=suite) as lab:
        inventory = lab.inventory()
        with demo.step(f"A KVM host runs the domain {DOMAIN}; this is what the guest's own kernel sees") as see:
            before = lab.start_guest(DOMAIN)
            show_guest(before)
            see("no VF among them", all(device.ids != "8086:10ca" for device in before))
        devices = see_report(demo, inventory)
        with demo.step("The guards know what this host lives on") as see:
            see_guards(see, devices)
            see(
                f"{topology.MANAGEMENT_NIC} is refused as ssh_nic",
                "ssh_nic" in codes(devices[topology.MANAGEMENT_NIC]),
            )
        with demo.step(f"Four VFs are made on the NIC {topology.IGB_PF}") as see:
            lab.sh(f"echo 4 > /sys/bus/pci/devices/{topology.IGB_PF}/sriov_numvfs; udevadm settle")
            drivers = [driver_of(lab, address) for address in topology.IGB_VFS[:4]]
            see(f"four VFs with their own driver: {', '.join(drivers)}", drivers == ["igbvf"] * 4)
        wish = {"hostdev_domain": DOMAIN, "hostdev_requests": [REQUEST]}
        with demo.step(f"A VF is claimed for the running domain {DOMAIN}, by what it is") as see:
            claim = play(inventory, "kvm.hostdev.claim", "--diff", variables=wish).of("attach the devices")
            require(claim)
            show_plan(claim.result["plan"])
            address = claim.result["devices"][0]["address"]
            see(f"the task changed the host: it took {address}", claim.status == "changed")
            see("it is a VF of the NIC", address in topology.IGB_VFS)
            see(f"its driver is {driver_of(lab, address)}", driver_of(lab, address) == "vfio-pci")
        with demo.step("What the guest's own kernel sees now") as see:
            after = lab.wait_guest_pci(
                DOMAIN, lambda guest_devices: any(device.ids == "8086:10ca" for device in guest_devices)
            )
            new = [device for device in after if device not in before]
            show_guest(new)
            see("a new device 8086:10ca, the VF", [device.ids for device in new] == ["8086:10ca"])
            see("the guest's own driver igbvf works it", [device.driver for device in new] == ["igbvf"])
        with demo.step("The same task again") as see:
            again = play(inventory, "kvm.hostdev.claim", variables=wish).of("attach the devices")
            see("nothing changed", again.status == "ok" and again.result["plan"] == [])
        with demo.step("The root disk is asked for") as see:
            wanted = {"name": "disk", "address": topology.ROOT_DISK}
            see_refused(see, inventory, {"hostdev_domain": DOMAIN, "hostdev_requests": [wanted]}, "root_disk")
            see("the root disk still has its driver", driver_of(lab, topology.ROOT_DISK) == "virtio-pci")
        with demo.step("The devices are released") as see:
            release = play(inventory, "kvm.hostdev.release", variables={"hostdev_domain": DOMAIN})
            require(release.of("restore their drivers"))
            see("the VF is back on its own driver", driver_of(lab, topology.IGB_VFS[0]) == "igbvf")
            override = lab.get(f"/sys/bus/pci/devices/{topology.IGB_VFS[0]}/driver_override").strip()
            see("no driver_override is left", override == "(null)")
            left = lab.wait_guest_pci(
                DOMAIN, lambda guest_devices: all(device.ids != "8086:10ca" for device in guest_devices)
            )
            see("the guest sees what it saw before", left == before)


def on_your_host(demo: Demo, inventory: Path, domain: str) -> None:
    """The reading part on a real host: nothing is changed."""
    devices = see_report(demo, inventory)
    with demo.step("The guards know what this host lives on") as see:
        see_guards(see, devices)
    disk = next((address for address, device in devices.items() if "root_disk" in codes(device)), None)
    if disk is not None:
        with demo.step(f"The root disk {disk} is asked for, in check mode") as see:
            wish = {"hostdev_domain": domain, "hostdev_requests": [{"name": "demo", "address": disk}]}
            see_refused(see, inventory, wish, "root_disk", "--check")
    free = next((address for address, device in devices.items() if device["claimable"]), None)
    if free is not None:
        with demo.step(f"What a claim of {free} for {domain}'s definition would do, in check mode") as see:
            wish = {
                "hostdev_domain": domain,
                "hostdev_requests": [{"name": "demo", "address": free}],
                "hostdev_attach": ["config"],
            }
            claim = play(inventory, "kvm.hostdev.claim", "--check", variables=wish).of("attach the devices")
            require(claim)
            show_plan(claim.result["plan"])
            see("a plan, and nothing done", claim.status == "changed")


def see_report(demo: Demo, inventory: str | Path) -> dict[str, dict[str, Any]]:
    """Show the report as a step of its own, and return the PCI devices by address."""
    with demo.step("The host's devices: what may be given away, and why not") as see:
        report = play(inventory, "kvm.hostdev.report")
        facts = report.of("Gather the devices")
        require(facts)
        for line in report.of("Show them").result["lines"]:
            print(f"  {line}")
        entries = facts.result["ansible_facts"]["hostdev"]["devices"]
        devices = {device["address"]: device for device in entries if device["capability"] == "pci"}
        free = sum(1 for device in devices.values() if device["claimable"])
        reasons = sum(1 for device in devices.values() if device["blockers"])
        see(f"{len(devices)} PCI functions: {free} may be given away, {reasons} may not and say why", bool(devices))
    return devices


def see_guards(see: Callable[[str, bool], None], devices: dict[str, dict[str, Any]]) -> None:
    """Observe that the disks and network functions that the host runs on are refused."""
    for code, what in (("root_disk", "a disk the host runs from"), ("default_route", "the way out to the network")):
        addresses = [address for address, device in devices.items() if code in codes(device)]
        see(f"{', '.join(addresses) or 'nothing'} is refused as {code}, {what}", bool(addresses))


def see_refused(
    see: Callable[[str, bool], None], inventory: str | Path, wish: dict[str, Any], code: str, *options: str
) -> None:
    """Ask for a device that must be refused, and observe that it is, with the reason."""
    refused = play(inventory, "kvm.hostdev.claim", *options, variables=wish).of("attach the devices")
    print(f"  {refused.result.get('msg', '')}")
    blockers = refused.result.get("error", {}).get("blockers", [])
    see(
        f"refused, with the reason {code}",
        refused.status == "failed" and code in [blocker["code"] for blocker in blockers],
    )


def show_plan(plan: list[dict[str, Any]]) -> None:
    """Print the steps of a plan."""
    for number, step in enumerate(plan, 1):
        if step["kind"] == "driver":
            what = f"driver {step['before']['driver'] or 'none'} -> {step['after']['driver'] or 'none'}"
        else:
            what = f"{'attach to' if step['after'] else 'detach from'} domain {step['domain']}, {step['place']}"
        print(f"  step {number}: {step['address']}: {what}")


def show_guest(devices: list[Any]) -> None:
    """Print what a guest's kernel reported."""
    for device in devices:
        print(f"  guest: {device.address} {device.ids} class {device.class_code} driver {device.driver or '-'}")


def codes(device: dict[str, Any]) -> list[str]:
    """Return the codes of a device's blockers."""
    return [blocker["code"] for blocker in device["blockers"]]


def driver_of(lab: Lab, address: str) -> str:
    """Return the name of a function's driver as the host's sysfs shows it, empty without one."""
    link = lab.sh(f"readlink /sys/bus/pci/devices/{address}/driver", check=False).stdout.strip()
    return link.rpartition("/")[2]


def require(task: TaskResult) -> None:
    """Raise LabError unless the task came to a good end."""
    if task.status not in ("ok", "changed"):
        raise LabError(str(task.result.get("msg", task.result)))


def main() -> int:
    """Run the demo; 0 only if every observation held."""
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--inventory", type=Path, help="an Ansible inventory: show the reading part on its hosts")
    parser.add_argument("--domain", help="with --inventory: a domain of that host, for a claim in check mode")
    parser.add_argument("--suite", default="trixie", help="Debian release of the lab host (default: %(default)s)")
    arguments = parser.parse_args()
    if (arguments.inventory is None) != (arguments.domain is None):
        parser.error("--inventory and --domain go together")
    demo = Demo()
    with contextlib.suppress(LabError):  # the step that raised it has shown it
        if arguments.inventory is None:
            on_the_lab(demo, arguments.suite)
        else:
            on_your_host(demo, arguments.inventory, arguments.domain)
    return 0 if demo.summary() else 1


if __name__ == "__main__":
    sys.exit(main())
