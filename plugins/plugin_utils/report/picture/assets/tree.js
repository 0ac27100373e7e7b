// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// A host as a tree: NUMA nodes, the roots of its buses, bridges and functions as they hang, VFs with their PF.

const ROOT = /\/pci([0-9a-f]{4,}:[0-9a-f]{2})\//;

class Item {
    constructor(device) {
        this.device = device;
        this.children = [];
        this.vfs = [];
        this.isPlatform = false;
        this.isSwitch = false;
        this.link = null;
    }

    get isFunction() {
        return this.device.glance.role === "function";
    }

    get group() {
        const group = this.device.where.iommu_group;
        return group === undefined ? null : group;
    }
}

// `{nodes: [{node, buses: [{root, children}]}], hidden, groups, badges, short}`. `hidden` are the bridges with no
// function behind them, `groups` of each IOMMU group its functions, `badges` the letters of groups whose functions hang
// in several places, `short` says whether all are in PCI domain 0000.
function treeOf(host) {
    const items = new Map(host.devices.map((device) => [device.address, new Item(device)]));
    const roots = [];
    const groups = new Map();
    const places = new Map();
    for (const item of items.values()) {
        const {physical_function: pf} = item.device.where;
        const {parent} = item.device.below;
        if (item.isFunction && item.group !== null) {
            groups.set(item.group, [...(groups.get(item.group) || []), item.device.address]);
            places.set(item.group, (places.get(item.group) || new Set()).add(parent));
        }
        if (item.device.glance.vf && items.has(pf)) {
            items.get(pf).vfs.push(item);
        } else if (items.has(parent) && parent !== item.device.address) {
            items.get(parent).children.push(item);
        } else {
            roots.push(item);
        }
    }
    // By its upstream port, which all that is below it hangs on.
    for (const {below} of host.devices) {
        for (const port of below.pcie_switches || []) {
            if (items.has(port)) {
                items.get(port).isSwitch = true;
            }
        }
    }
    const hidden = [];
    const kept = roots.filter((item) => prune(item, hidden));
    roots.forEach((item) => findPlatform(item, groups, items));
    kept.forEach((item) => findLinks(item));
    const short = [...items.keys()].every((address) => address.startsWith("0000:"));
    const spread = [...places].filter(([, parents]) => parents.size > 1).map(([group]) => group);
    const badges = new Map(spread.map((group, place) => [group, letters(place)]));
    return {nodes: byNode(kept), hidden, groups, badges, short};
}

// What hardly anybody looks for and nobody holds, with all that hangs on it and all of its group: drawn folded.
function findPlatform(item, groups, items) {
    const below = [...item.children, ...item.vfs].map((child) => findPlatform(child, groups, items)).every(Boolean);
    const dull = (one) => {
        const {kind, state} = one.device.glance;
        return kind === OTHER && (state === "free" || state === "kept") && carriesNothing(one);
    };
    const mates = item.isFunction && item.group !== null ? groups.get(item.group) : [];
    const own = !item.isFunction || (dull(item) && mates.every((mate) => dull(items.get(mate))));
    item.isPlatform = own && below;
    return item.isPlatform;
}

// The PCI Express link below each port, as the first function behind it tells. The upstream port of a switch, which
// hangs on such a link, has no other below it, but the ports of the switch.
function findLinks(item, above = null) {
    const links = item.isFunction || above ? [] : item.children.map((child) => linkOf(child.device.is.link || {}));
    item.link = links.find(Boolean) || null;
    item.children.forEach((child) => findLinks(child, item.link));
}

// `{now, best}`, such as 8 GT/s x8 and 16 GT/s x16; `best` is null where the device can do no more. Null where the facts
// do not tell what the link does.
function linkOf(link) {
    const speed = (text) => Number((/^(\d{1,3}(?:\.\d)?) GT\/s/.exec(text) || [])[1]);
    const told = (gigatransfers, lanes) => `${gigatransfers} GT/s x${lanes}`;
    const [now, best] = [speed(link.current_speed), speed(link.max_speed)];
    if (!now || !Number.isInteger(link.current_width)) {
        return null;
    }
    const isLess = now < best || link.current_width < link.max_width;
    return {now: told(now, link.current_width), best: isLess ? told(best || now, link.max_width || link.current_width) : null};
}

function functionsOf(items) {
    return items.flatMap((item) => [
        ...(item.isFunction ? [item] : []),
        ...functionsOf(item.children),
        ...functionsOf(item.vfs),
    ]);
}

// A to Z, then AA and so on.
function letters(place) {
    return (place >= 26 ? letters(Math.floor(place / 26) - 1) : "") + String.fromCharCode(65 + (place % 26));
}

// Take bridges with nothing behind them out; whether anything is left.
function prune(item, hidden) {
    item.children = item.children.filter((child) => prune(child, hidden));
    if (item.isFunction || item.children.length || item.vfs.length) {
        return true;
    }
    hidden.push(item.device);
    return false;
}

function byNode(roots) {
    const nodes = new Map();
    for (const item of roots) {
        const {node} = item.device;
        const key = node === null ? "-" : String(node);
        const path = ROOT.exec(item.device.where.path || "");
        const root = path ? path[1] : item.device.address.split(":").slice(0, 2).join(":");
        const buses = nodes.get(key) || new Map();
        nodes.set(key, buses);
        buses.set(root, [...(buses.get(root) || []), item]);
    }
    return [...nodes]
        .sort(([a], [b]) => (a === "-") - (b === "-") || NAMES.compare(a, b))
        .map(([node, buses]) => ({node, buses: [...buses].map(([root, children]) => ({root, children}))}));
}

// What hangs on one bus, in order, as parts `{group, entries}`. The members of an IOMMU group of several functions are
// one part; of others group is null. An entry is a list of items, more than one where they look all the same.
function arranged(children, groups) {
    const parts = [];
    const ofGroup = new Map();
    for (const item of children) {
        const several = item.isFunction && item.group !== null && groups.get(item.group).length > 1;
        const last = parts[parts.length - 1];
        let part = several ? ofGroup.get(item.group) : null;
        if (!part && !several && last && last.group === null && alike(last.entries[0][0], item)) {
            part = last;
        }
        if (!part) {
            part = {group: several ? item.group : null, entries: []};
            parts.push(part);
            if (several) {
                ofGroup.set(item.group, part);
            }
        }
        const before = part.entries[part.entries.length - 1];
        if (before && alike(before[0], item)) {
            before.push(item);
        } else {
            part.entries.push([item]);
        }
    }
    return parts.flatMap(unstacked);
}

// Two are no stack yet.
function unstacked(part) {
    const entries = part.entries.flatMap((entry) => (entry.length > 2 ? [entry] : entry.map((item) => [item])));
    return part.group === null ? entries.map((entry) => ({group: null, entries: [entry]})) : [{...part, entries}];
}

function alike(a, b) {
    return (
        [a, b].every((item) => item.isFunction && !item.children.length && carriesNothing(item)) &&
        a.device.glance.kind === OTHER &&
        a.device.glance === b.device.glance &&
        ["subsystem_vendor_id", "subsystem_product_id"].every((key) => a.device.is[key] === b.device.is[key])
    );
}

function carriesNothing({device, vfs}) {
    return !vfs.length && !device.children.some(isShown) && !device.host.behind(device.address).length;
}

// The interfaces, disks and so on that are named in a box.
function isShown(child) {
    return ["net", "block", "vdpa"].includes(child.kind);
}
