// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// A host, drawn as lstopo draws it: NUMA nodes as boxes, a bridge as a small square with a line to what hangs on it.

function hostHead(host) {
    const facts = host.facts;
    const told = [
        facts.kernel && ["kernel ", name(facts.kernel)],
        facts.iommu_reason && [el(facts.iommu ? "span" : "b", null, "IOMMU ", name(facts.iommu_reason))],
        facts.libvirt_version
            ? ["libvirt ", name(facts.libvirt_version)]
            : facts.libvirt_reason && ["libvirt ", name(facts.libvirt_reason)],
    ].filter(Boolean);
    return el(
        "div",
        {class: "head"},
        el("a", {class: "back", href: link({...asked(), host: "", device: "", mark: ""})}, "\u2190 all hosts"),
        el("h1", null, name(host.name)),
        el("p", null, told.map((parts) => [...parts, " \u00b7 "]).flat(), gathered(host), report()),
    );
}

function gathered(host) {
    if (!host.hasFacts) {
        return null;
    }
    const at = Number.isNaN(host.gathered) ? "at an unknown time" : host.facts.gathered_at.replace("T", " ").slice(0, 16);
    const zone = Number.isNaN(host.gathered) ? "" : " UTC";
    const old = host.age ? [", ", el("b", null, `${host.age} before this report`)] : [];
    return el("span", {class: "gathered"}, `gathered ${at}${zone}`, old, " \u00b7 ");
}

function hostPage(host, query) {
    if (!host.hasFacts) {
        return [el("p", {class: "note"}, "There are no facts of this host. Gather them with kvm.hostdev.pci_facts.")];
    }
    return [driftOf(host), hostModels(host, query), legend(), drawing(host)].filter(Boolean);
}

// What the host has, what is free first; pressing one marks it in the drawing.
function hostModels(host, query) {
    const rows = rowsOf(host).filter((row) => row.model.kind !== OTHER);
    rows.sort((a, b) => a.model.rank - b.model.rank || b.counts.free - a.counts.free);
    const chip = (row) =>
        el(
            "button",
            {
                type: "button",
                class: `chip${row.counts.free ? "" : " none"}`,
                "data-ids": row.model.ids,
                "aria-pressed": String(query.mark === row.model.ids),
                onclick: () => mark(asked().mark === row.model.ids ? "" : row.model.ids),
            },
            pips(row.counts),
            name(row.model.label),
            " ",
            el("code", null, name(row.model.ids)),
            " ",
            el("span", {class: "free-of"}, el("b", null, String(row.counts.free)), ` free of ${row.counts.total}`),
        );
    return el("div", {class: "chips", role: "group", "aria-label": "Models on this host"}, rows.map(chip));
}

// Mark the functions of one model, and bring the first free one into view: of those that are named in the words that are
// looked for, on the NUMA node that is asked for.
function mark(ids) {
    history.replaceState(null, "", link({...asked(), mark: ids}));
    for (const chip of document.querySelectorAll(".chip[data-ids]")) {
        chip.setAttribute("aria-pressed", String(chip.dataset.ids === ids));
    }
    const boxes = [...document.querySelectorAll(".drawing [data-ids]")];
    boxes.forEach((box) => box.classList.toggle("marked", ids !== "" && box.dataset.ids === ids));
    const text = (box) => `${box.dataset.address} ${box.textContent}`.toLowerCase();
    const named = (box) => wordsOf(asked()).some((word) => text(box).includes(word));
    const ofModel = boxes.filter((box) => box.classList.contains("marked"));
    const marked = ofModel.some(named) ? ofModel.filter(named) : ofModel;
    const free = marked.filter((box) => box.dataset.state === "free");
    const wanted = free.find((box) => box.closest(".numa").dataset.node === asked().node);
    (wanted || free[0] || marked[0])?.scrollIntoView({
        block: "center",
        inline: "nearest",
    });
}

function drawing(host) {
    const tree = treeOf(host);
    const nodes = tree.nodes.map(({node, buses}) => {
        const title = nodeTitle(node, host);
        return el(
            "section",
            {class: "numa", "data-node": node, "aria-label": title},
            el("h2", null, title),
            el(
                "div",
                {class: "buses"},
                buses.map((bus) => rootBus(bus, tree)),
            ),
        );
    });
    return el(
        "div",
        {class: "drawing"},
        nodes.length ? nodes : el("p", {class: "note"}, "The facts of this host name no PCI device."),
        homeless(host),
        tree.hidden.length ? hiddenBridges(tree) : null,
    );
}

// With the socket, where the host has several and tells which.
function nodeTitle(node, host) {
    const nodes = host.facts.numa_nodes || [];
    const sockets = new Set(nodes.map(({socket}) => socket).filter(Number.isInteger));
    const socket = nodes.find(({id}) => String(id) === node)?.socket;
    const where = sockets.size > 1 && Number.isInteger(socket) ? `, socket ${socket}` : "";
    return node === "-" ? "No NUMA node" : `NUMA node ${node}${where}`;
}

// USB and SCSI devices that hang on no function, as those of a controller that is part of the chip.
function homeless(host) {
    const nodes = host.behind(null);
    const title = "On no PCI function";
    return nodes.length
        ? el("section", {class: "numa", "aria-label": title}, el("h2", null, title), nodeList(nodes))
        : null;
}

function hiddenBridges(tree) {
    const list = tree.hidden.map((device) => el("li", null, square(device, tree, [" ", name(device.glance.label)])));
    return lazily(
        "details",
        {class: "note"},
        `${plural(tree.hidden.length, "bridge")} with nothing behind, not drawn`,
        () => el("ul", {class: "bridges"}, list),
    );
}

// What is open or closed, and is made when it is first opened.
function lazily(tag, attributes, summary, make) {
    const made = el("details", attributes, el("summary", null, summary));
    made.makeAll = () => {
        if (made.children.length === 1) {
            made.append(make());
        }
    };
    made.addEventListener("toggle", made.makeAll);
    return made;
}

function rootBus({root, children}, tree) {
    const shown = tree.short ? root.replace(/^0000:/, "") : root;
    return el(
        "div",
        {class: "root"},
        el("span", {class: "bridge"}, el("span", {class: "square"}), el("span", {class: "address"}, `PCI ${shown}`)),
        branches(children, tree),
    );
}

function branches(children, tree) {
    const platform = children.filter((item) => item.isPlatform);
    const others = children.filter((item) => !item.isPlatform);
    const parts = arranged(others, tree.groups).map((part) => branch(part, tree));
    return el("ul", {class: "bus"}, parts, platform.length ? el("li", null, fold(platform, tree)) : null);
}

// Parts of the platform that hang on one bus, drawn when they are looked at.
function fold(items, tree) {
    const functions = functionsOf(items);
    const {free} = countsOf(functions.map((item) => item.device));
    const summary = [plural(functions.length, "part"), " of the platform", free ? `, ${free} free` : ""];
    const drawn = () =>
        el(
            "ul",
            {class: "bus"},
            arranged(items, tree.groups).map((part) => branch(part, tree)),
        );
    return lazily("details", {class: "fold", "data-count": functions.length}, el("span", null, summary), drawn);
}

function branch({group, entries}, tree) {
    const drawn = entries.map((entry) => (entry.length > 1 ? stack(entry, tree) : twig(entry[0], tree)));
    if (group === null) {
        return el("li", null, drawn);
    }
    const badge = tree.badges.get(group);
    const members = tree.groups.get(group).length;
    return el(
        "li",
        null,
        el(
            "div",
            {class: "group", role: "group", "data-group": group, "aria-label": `IOMMU group ${group}`},
            el(
                "span",
                {class: "group-name"},
                badge ? el("b", {class: "badge"}, badge) : null,
                `IOMMU group ${group}${badge ? `, ${members} in several places` : ""}`,
            ),
            drawn.map((one) => el("div", {class: "member"}, one)),
        ),
    );
}

// One function or bridge with what hangs on it.
function twig(item, tree) {
    const below = item.children.length ? branches(item.children, tree) : null;
    if (item.isSwitch && below) {
        return switchBox(item, below, tree);
    }
    if (!item.isFunction) {
        return el("div", {class: "twig"}, square(item.device, tree, linkLabel(item.link)), below);
    }
    const nodes = item.device.host.behind(item.device.address);
    const own = [box(item.device, tree), nodes.length ? nodeList(nodes) : null, item.vfs.length ? vfStack(item, tree) : null];
    return el("div", {class: "twig"}, el("div", {class: "own"}, own), below);
}

// A switch with all that is below it. Its upstream port stands for it.
function switchBox(item, below, tree) {
    const {address} = item.device;
    const attributes = {class: "switch twig", role: "group", "data-switch": address, "aria-label": `Switch ${address}`};
    return el("div", attributes, square(item.device, tree, null, "Switch "), below);
}

function addressIn(tree, address) {
    return tree.short ? address.replace(/^0000:/, "") : address;
}

function square(device, tree, more, called = null) {
    return el(
        "button",
        {
            type: "button",
            class: "bridge",
            "data-bridge": device.address,
            "aria-haspopup": "dialog",
            title: device.glance.label,
            onclick: () => openDetails(device),
        },
        el("span", {class: "square", "aria-hidden": "true"}),
        el(
            "span",
            {class: "address"},
            called || el("span", {class: "hidden"}, "Bridge "),
            name(addressIn(tree, device.address)),
        ),
        more,
    );
}

// What the line to the devices carries, and below it what the first of them could do.
function linkLabel(link) {
    return link
        ? [
              el("span", {class: "link"}, el("span", {class: "hidden"}, ", link "), link.now),
              link.best ? el("span", {class: "link slow"}, `of ${link.best}`) : null,
          ]
        : null;
}

function box(device, tree) {
    const {glance} = device;
    const carried = device.children.filter(isShown);
    return el(
        "button",
        {
            type: "button",
            class: `box ${glance.state}`,
            "data-address": device.address,
            "data-state": glance.state,
            "data-ids": glance.ids,
            "aria-haspopup": "dialog",
            onclick: () => openDetails(device),
        },
        el("span", {class: "label"}, name(glance.label)),
        el(
            "span",
            {class: "meta"},
            vfNumber(device),
            el("code", null, name(addressIn(tree, device.address))),
            " ",
            el("code", null, name(glance.ids)),
            groupIn(device, tree),
        ),
        carried.length ? el("span", {class: "carried"}, carried.map((child) => [name(child.name), " "]).flat()) : null,
        stateLine(device),
    );
}

// The number by which ip-link and libvirt know a VF of its PF.
function vfNumber(device) {
    const pf = device.where.physical_function;
    const number = pf ? device.host.device(pf)?.where.virtual_functions?.indexOf(device.address) : -1;
    return number >= 0 ? el("b", null, `VF ${number} `) : null;
}

function groupIn(device, tree) {
    const group = device.where.iommu_group;
    const badge = tree.badges.get(group);
    if (group === null || group === undefined) {
        return " no group";
    }
    return el("span", {class: "in-group"}, ` group ${group}`, badge ? [" ", el("b", {class: "badge"}, badge)] : null);
}

// The state in words: held by whom, kept for which reason.
function stateLine(device) {
    const {state, owner, why} = device.glance;
    const word = el("b", null, state === "kept" ? "kept" : WORDS[state]);
    const told = [];
    if (state === "held") {
        told.push(" by ", name(owner || "?"));
    } else if (state !== "free") {
        const detail = reasonIn(device);
        told.push(": ", name(why[0]), detail ? [" (", name(detail), ")"] : "");
        told.push(why.length > 1 ? ` and ${why.length - 1} more` : "");
    }
    return el("span", {class: "state"}, swatch(state), word, told.flat());
}

// What the code leaves open; that the IOMMU is off stands at the head of the page.
function reasonIn(device) {
    const [code] = device.glance.why;
    if (code === "group_incomplete") {
        return "only with its whole group";
    }
    if (code === "iommu_off") {
        return "";
    }
    return device.glance.detail || device.blockers.find((blocker) => blocker.code === code)?.detail;
}

function countsOf(devices) {
    const counts = emptyCounts();
    devices.forEach((device) => counts[device.glance.state]++);
    return counts;
}

// The USB and SCSI devices that hang on a function; many are one box until they are looked at.
function nodeList(nodes) {
    const list = () => el("ul", {class: "nodes"}, nodes.map((node) => el("li", null, nodeBox(node))));
    if (nodes.length <= NODES_AT_ONCE) {
        return list();
    }
    const counts = countsOf(nodes);
    const summary = [pips(counts), el("b", null, `${counts.free} free of ${nodes.length}`), " USB and SCSI devices"];
    const attributes = {class: `stack vfs ${firstState(counts)}`, "data-nodes": nodes.length};
    return lazily("details", attributes, el("span", null, summary), list);
}

const NODES_AT_ONCE = 6;

function nodeBox(node) {
    const {label, state} = node.glance;
    return el(
        "button",
        {
            type: "button",
            class: `box node ${state}`,
            "data-node-device": node.address,
            "data-state": state,
            "aria-haspopup": "dialog",
            onclick: () => openDetails(node),
        },
        el("span", {class: "label"}, name(label)),
        el("span", {class: "meta"}, el("code", null, name(node.address))),
        stateLine(node),
    );
}

// Functions that look the same, as one box until it is opened.
function stack(items, tree) {
    const {label, ids} = items[0].device.glance;
    const summary = el(
        "span",
        {class: "label"},
        `${items.length} \u00d7 `,
        name(label),
        " ",
        el("code", null, name(ids)),
    );
    return stacked(items, tree, [summary, stateLine(items[0].device)]);
}

function vfStack(pf, tree) {
    const counts = countsOf(pf.vfs.map((item) => item.device));
    const others = STATES.filter((state) => state !== "free" && counts[state]).map(
        (state) => `, ${counts[state]} ${WORDS[state]}`,
    );
    const summary = [pips(counts), el("b", null, `${counts.free} free of ${pf.vfs.length}`), " VFs", others.join("")];
    const made = stacked(pf.vfs, tree, summary);
    made.classList.add("vfs");
    made.dataset.pf = pf.device.address;
    return made;
}

// One that is free is what a stack is looked at for.
function firstState(counts) {
    return STATES.find((state) => counts[state]);
}

function stacked(items, tree, summary) {
    const state = firstState(countsOf(items.map((item) => item.device)));
    const {ids} = items[0].device.glance;
    return lazily(
        "details",
        {class: `stack ${state}`, "data-count": items.length, "data-ids": ids},
        el("span", null, summary),
        () =>
            el(
                "div",
                {class: "stacked"},
                items.map((item) => twig(item, tree)),
            ),
    );
}
