// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// How far functions of a host are apart, as _model/host/topology.py tells it of them.

const APART = ["SAME", "PIX", "PXB", "PHB", "NODE", "SYS", null];
const APART_MEANS = {
    SAME: "in the same slot",
    PIX: "through at most one switch",
    PXB: "through several switches",
    PHB: "below the same PCIe root",
    NODE: "on the same NUMA node",
    SYS: "on another NUMA node",
    null: "not known how far",
};

function placeOf(device) {
    const {address, path, slot} = device.where;
    const {pcie_root: root, pcie_switches: switches} = device.below;
    return {slot: slot || address, root, switches: switches || [], node: device.node, bridges: bridgesOf(path || "")};
}

// From the root bus down. What leads to a root bus of its own is no bridge.
function bridgesOf(path) {
    const above = path.split("/").slice(0, -1);
    return above.filter((part, place) => FUNCTION.test(part) && !ROOT_BUS.test(above[place + 1] || ""));
}

const FUNCTION = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const ROOT_BUS = /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/;

// One of APART.
function apart(one, other) {
    if (one.slot === other.slot) {
        return "SAME";
    }
    if (one.root && one.root === other.root) {
        const parted = one.bridges.findIndex((bridge, place) => bridge !== other.bridges[place]);
        const common = parted < 0 ? one.bridges.length : parted;
        if (!common) {
            return "PHB";
        }
        const shared = one.bridges.slice(0, common - 1);
        const between = new Set([...one.switches, ...other.switches].filter((port) => !shared.includes(port)));
        return between.size > 1 ? "PXB" : "PIX";
    }
    const known = [one.node, other.node].every(Number.isInteger) && one.root && other.root;
    return known ? (one.node === other.node ? "NODE" : "SYS") : null;
}

// The functions that people look for, by how far they are from this one; VFs are where their PF is.
function neighbours(device) {
    const here = placeOf(device);
    const sought = device.host.devices.filter(
        ({address, glance}) => address !== device.address && glance.role === "function" && glance.kind !== OTHER && !glance.vf,
    );
    const far = new Map(APART.map((word) => [word, []]));
    sought.forEach((other) => far.get(apart(here, placeOf(other))).push(other));
    return [...far].filter(([, others]) => others.length);
}
