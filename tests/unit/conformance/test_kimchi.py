# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kimchi's host device listing, replayed against ours.

Each `<name>.nodedevs.xml` in the folder of cases, a host as libvirt's test driver takes it, comes with
`<name>.expected.json`: what Kimchi answered to `queries`, and its records (`lookup`). Where we differ on purpose,
DIFFERENCES has the rule and the reason.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.filters import Filters
from ansible_collections.kvm.hostdev.tests.unit.helpers.from_nodes import listing, read_node_file

OWN = Path(__file__).with_name("kimchi")
FOLDER = Path(os.environ.get("KVM_HOSTDEV_KIMCHI_CASES") or OWN)

CODES = {"KCHHOST0003E": "unknown_device", "KCHHOST0004E": "conflicting_filters"}
KIMCHI_CAPABILITIES = {"fc_host", "net", "pci", "scsi", "scsi_host", "storage", "usb", "usb_device"}

EXTRA, MISSING, REFUSED = "we list it, Kimchi does not", "Kimchi lists it, we do not", "we refuse what Kimchi answers"


class Case:
    """One host, with what the reasons for a difference look at: read from libvirt's data, not asked of the listing."""

    def __init__(self, path: Path) -> None:
        self.name = path.name[: -len(".nodedevs.xml")]
        nodes, domains = read_node_file(path.read_text(encoding="utf-8"))
        self.nodes = {node.name: node for node in nodes}
        self.domains = domains
        self.listing = listing(nodes, domains)
        expected = json.loads(path.with_name(f"{self.name}.expected.json").read_text(encoding="utf-8"))
        self.queries: list[dict[str, t.Any]] = expected["queries"]
        self.lookup: dict[str, dict[str, t.Any]] = expected.get("lookup", {})

    def ask(self, query: t.Mapping[str, str]) -> t.Any:
        """Our answer: names in order of the alphabet as Kimchi's, or the code of an error."""
        cap = query.get("_cap")
        try:
            filters = Filters(
                capability=() if cap is None else (cap,),
                passthrough=query.get("_passthrough", "").lower() == "true",
                available=query.get("_available_only", "").lower() == "true",
                affected_by=query.get("_passthrough_affected_by"),
            )
            return sorted(entry.name for entry in self.listing.select(filters))
        except HostdevError as error:
            return error.code

    def fields(self, name: str) -> t.Mapping[str, t.Any]:
        return self.nodes[name].fields

    def function(self, name: str) -> str | None:
        """The PCI function that the device is or hangs on."""
        ancestor: str | None = name
        while ancestor in self.nodes and self.nodes[ancestor].capability != "pci":
            ancestor = self.nodes[ancestor].parent
        return ancestor if ancestor in self.nodes else None

    def group(self, name: str) -> int | None:
        function = self.function(name)
        return None if function is None else self.fields(function).get("iommu_group")

    def mates(self, name: str) -> list[str]:
        """PCI functions of the same group, the one itself among them."""
        group = self.group(name)
        mates = [mate for mate, node in self.nodes.items() if node.capability == "pci" and self.group(mate) == group]
        return mates if group is not None else [name]

    def below(self, name: str, upper: str) -> bool:
        parent = self.nodes[name].parent
        return parent is not None and (parent == upper or (parent in self.nodes and self.below(parent, upper)))

    def is_class(self, name: str, *classes: str) -> bool:
        return self.nodes[name].capability == "pci" and self.fields(name).get("class", "").startswith(classes)

    def in_definition(self, name: str) -> bool:
        address = self.nodes[name].address
        return any(address in domain.config.assigned for domain in self.domains)


class Query(t.NamedTuple):
    case: Case
    args: t.Mapping[str, str]
    name: str
    """The device that the answers differ in; empty where one is an error."""
    how: str

    @property
    def passthrough(self) -> bool:
        return self.args.get("_passthrough", "").lower() == "true"

    @property
    def available(self) -> bool:
        return "_available_only" in self.args

    @property
    def upper(self) -> str | None:
        return self.args.get("_passthrough_affected_by")


def bars_by_class(q: Query) -> bool:
    return (
        q.how == EXTRA
        and (q.passthrough or q.available)
        and q.case.is_class(q.name, "03", "06")
        and not q.case.fields(q.name).get("header_type")
    )


def stays_with_platform(q: Query) -> bool:
    return q.how == MISSING and q.passthrough and q.case.is_class(q.name, "0c05")


def group_stays(q: Query) -> bool:
    if q.how != MISSING or not q.passthrough or q.case.nodes[q.name].capability != "pci":
        return False
    mates = [mate for mate in q.case.mates(q.name) if mate != q.name]
    driven = [mate for mate in mates if q.case.nodes[mate].driver not in (None, "vfio-pci", "pcieport")]
    return any(q.case.is_class(mate, "0600", "0601", "0c05") for mate in driven) or any(
        q.case.fields(mate).get("virtual_functions") or denylisted(q.case, mate) for mate in mates
    )


def denylisted(case: Case, name: str) -> bool:
    return (case.fields(name)["vendor_id"], case.fields(name)["product_id"]) == ("8086", "0435")


def is_denylisted(q: Query) -> bool:
    return q.how == MISSING and q.passthrough and q.case.is_class(q.name, "") and denylisted(q.case, q.name)


def has_no_group(q: Query) -> bool:
    return q.how == MISSING and q.passthrough and q.case.is_class(q.name, "") and q.case.group(q.name) is None


def has_vfs(q: Query) -> bool:
    return q.how == MISSING and q.passthrough and bool(q.case.fields(q.name).get("virtual_functions"))


def is_hub(q: Query) -> bool:
    if q.how != MISSING or not q.passthrough or q.case.nodes[q.name].capability != "usb_device":
        return False
    interfaces = [node for node in q.case.nodes.values() if node.parent == q.name and node.capability == "usb"]
    return q.case.fields(q.name)["vendor_id"] == "1d6b" or any(
        interface.fields["class"] == 9 for interface in interfaces
    )


def given_some_other_way(q: Query) -> bool:
    """By an interface of type hostdev, or because a group mate has gone."""
    return (
        q.how == MISSING
        and q.available
        and q.case.nodes[q.name].capability == "pci"
        and any(q.case.in_definition(mate) for mate in q.case.mates(q.name))
    )


def vf_of_an_affected_pf(q: Query) -> bool:
    function = q.case.function(q.name) if q.name else None
    if q.how != EXTRA or q.upper is None or function is None:
        return False
    affected = q.case.mates(q.case.function(q.upper) or q.upper)
    physical = q.case.fields(function).get("physical_function")
    return any(q.case.nodes[mate].address == physical for mate in affected if physical is not None)


def group_of_the_bridge(q: Query) -> bool:
    if q.how != MISSING or q.upper is None:
        return False
    functions = [q.case.function(name) for name in (q.upper, q.name)]
    return any(function is not None and q.case.group(function) is None for function in functions)


def bridge_with_others_children(q: Query) -> bool:
    return (
        q.how == MISSING
        and q.upper is not None
        and q.case.is_class(q.upper, "0604")
        and q.case.group(q.upper) is not None
        and q.case.group(q.name) != q.case.group(q.upper)
        and q.case.below(q.name, q.upper)
    )


def capability_unknown_to_kimchi(q: Query) -> bool:
    return q.how == EXTRA and "_cap" in q.args and q.args["_cap"] not in KIMCHI_CAPABILITIES


def misspelt_capability(q: Query) -> bool:
    return q.how == REFUSED and "_cap" in q.args and q.case.ask({"_cap": q.args["_cap"]}) == "unknown_capability"


def available_alone(q: Query) -> bool:
    return q.available and not q.passthrough and q.upper is None and q.how == MISSING


def affected_and_available(q: Query) -> bool:
    return q.how == REFUSED and q.available and q.upper is not None


DIFFERENCES: dict[str, tuple[t.Callable[[Query], bool], str]] = {
    "endpoints of classes 03 and 06 are eligible": (
        bars_by_class,
        "Kimchi bars display controllers and whatever has a bridge's class. A bridge is what has header type 1 or 2; a "
        "graphics card that the host does not boot with can be given away, and is what most people want to give.",
    ),
    "an SMBus controller is not eligible": (
        stays_with_platform,
        "It is the platform's own: fans, memory and sensors hang on it.",
    ),
    "a group with a function that the host keeps is not eligible": (
        group_stays,
        "The kernel gives a group only as a whole: beside an ISA bridge on lpc_ich QEMU refuses the NIC.",
    ),
    "a PCI function without an IOMMU group is not eligible": (has_no_group, "vfio-pci refuses it."),
    "a PF that has VFs is not eligible": (has_vfs, "vfio-pci refuses it (kernel 4.19 and later)."),
    "a function on vfio-pci's denylist is not eligible": (is_denylisted, "vfio-pci refuses it (kernel 5.9 and later)."),
    "hubs are not eligible": (is_hub, "QEMU gives no hub to a guest; a root hub is a part of its controller."),
    "available means free of interfaces and of group mates' domains": (
        given_some_other_way,
        "Kimchi looks for the device itself in <hostdev>. <interface type='hostdev'> takes it just so, and of one "
        "group no two domains can have devices.",
    ),
    "the VFs of an affected PF are affected": (vf_of_an_affected_pf, "They vanish when the PF's driver goes."),
    "a function without a group has none": (
        group_of_the_bridge,
        "Kimchi gives it the group of the bridge above, with which nothing isolates it together.",
    ),
    "a bridge does not affect what has a group of its own": (
        bridge_with_others_children,
        "Kimchi lists all below a bridge whose group has no other member.",
    ),
    "every capability can be asked for": (
        capability_unknown_to_kimchi,
        "Kimchi knows eight and gives an empty list for the others, though it has such devices.",
    ),
    "available alone means eligible and available": (
        available_alone,
        "Kimchi ignores it without _passthrough; a filter that does nothing misleads.",
    ),
    "affected_by with available is refused": (
        affected_and_available,
        "Kimchi ignores _available_only here, and refuses the other filters.",
    ),
}
# Also ours, but no recorded query asks for it.
UNASKED = {"an unknown capability is an error": misspelt_capability}


def deviations(case: Case) -> t.Iterator[Query]:
    """Everything in which an answer of ours is another than Kimchi's."""
    for query in case.queries:
        args = query["args"]
        ours = case.ask(args)
        theirs = query["result"] if "result" in query else CODES[query["code"]]
        if isinstance(ours, str) or isinstance(theirs, str):
            if ours != theirs:
                yield Query(case, args, "", REFUSED if isinstance(ours, str) and isinstance(theirs, list) else EXTRA)
            continue
        for name in sorted(set(ours) ^ set(theirs)):
            yield Query(case, args, name, EXTRA if name in ours else MISSING)


def cases(folder: Path) -> list[Case]:
    return [Case(path) for path in sorted(folder.glob("*.nodedevs.xml"))]


ALL = cases(FOLDER)


def test_there_is_a_case():
    assert ALL, f"no *.nodedevs.xml in {FOLDER}"


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_answers_are_kimchis_or_differ_for_a_reason(case):
    rules = [rule for rule, _reason in DIFFERENCES.values()] + list(UNASKED.values())
    undeclared = [
        f"{json.dumps(deviation.args)}: {deviation.name or 'the answer'}: {deviation.how}"
        for deviation in deviations(case)
        if not any(rule(deviation) for rule in rules)
    ]
    assert undeclared == []


def test_every_difference_is_one():
    all_deviations = [deviation for case in cases(OWN) for deviation in deviations(case)]
    dead = [name for name, (rule, _reason) in DIFFERENCES.items() if not any(map(rule, all_deviations))]
    assert dead == []


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_available_is_a_part_of_eligible_and_asks_no_more_than_both_together(case):
    eligible = set(case.ask({"_passthrough": "true"}))
    both = case.ask({"_passthrough": "true", "_available_only": "true"})
    assert case.ask({"_available_only": "true"}) == both
    assert set(both) <= eligible
    assert not any(case.in_definition(name) for name in both)


def hexadecimal(width: int) -> t.Callable[[str], str]:
    return lambda digits: f"0x{digits:0>{width}}"


def as_is(value: t.Any) -> t.Any:
    return value


def record(case: Case, name: str) -> dict[str, t.Any]:
    """Kimchi's record of a device, made of our fields.

    Left out are `multifunction`, which is wrong in Kimchi (it means that the IOMMU group has another member) and
    `vga3d`, which is the class 0302.
    """
    device = case.nodes[name].as_dict()
    made: dict[str, t.Any] = {"name": name, "parent": device["parent"], "device_type": device["capability"]}
    for ours, theirs, change in (
        *((part, part, as_is) for part in ("domain", "bus", "slot", "function", "device", "number", "subclass")),
        *((part, part, as_is) for part in ("protocol", "interface", "host", "unique_id", "target", "lun", "product")),
        *((part, part, as_is) for part in ("hardware", "firmware", "block", "drive_type", "model", "serial", "size")),
        ("class", "class", hexadecimal(6) if device["capability"] == "pci" else as_is),
        ("iommu_group", "iommuGroup", as_is),
        ("link_type", "link_type", {"80203": "IEEE 802.3", "80211": "IEEE 802.11"}.get),
    ):
        if ours in device:
            made[theirs] = change(device[ours])
    for part in ("vendor", "product"):
        if f"{part}_id" in device:
            made[part] = {"id": f"0x{device[f'{part}_id']}", "description": device[f"{part}_name"]}
    if device["capability"] == "net":
        made["address"] = device["address"]
    if device["capability"] == "scsi_host":
        made["adapter"] = {"type": "fc_host", **device["fc_host"]} if "fc_host" in device else {"type": ""}
    return made


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_records_have_what_kimchis_have(case):
    for name, theirs in case.lookup.items():
        wanted = {key: value for key, value in theirs.items() if key not in ("multifunction", "vga3d", "path")}
        if theirs["device_type"] == "system":  # Kimchi reads a serial of digits as a number
            wanted["hardware"] = {key: str(value) for key, value in wanted["hardware"].items()}
        assert record(case, name) == wanted
    for name in case.lookup:
        if case.nodes[name].capability == "scsi":  # lost in Kimchi
            assert "type" in case.fields(name)
