// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// What is looked at, as the fragment of the page's address has it, so that it can be linked to and gone back to.
//
// host, device: which host is drawn, and of which device the details are open
// q: words, each of which must be there; kind: one of KINDS; node: a NUMA node, or "one" for any single one
// free: how many must be free; other: 1 for parts of the platform too; sort: a column, with - the other way round
// mark: the vendor:product that is marked on a host

const KEYS = ["host", "device", "q", "kind", "node", "free", "other", "sort", "mark"];

function asked() {
    const given = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(KEYS.map((key) => [key, given.get(key) || ""]));
}

function link(query) {
    const given = new URLSearchParams(KEYS.filter((key) => query[key]).map((key) => [key, query[key]]));
    return `#${given}`;
}

// Go on with another query; what is typed replaces, so that going back leads to the page before.
function ask(changes, {replace = false} = {}) {
    const target = link({...asked(), ...changes});
    if (replace) {
        history.replaceState(null, "", target);
        show();
    } else if (target !== location.hash) {
        location.hash = target;
    }
}

// What the rows of fleet and host are made of: the functions of one model on one host, counted.
class Row {
    constructor(host, model) {
        this.host = host;
        this.model = model;
        this.devices = [];
        this.counts = emptyCounts();
        this.nodes = new Map();
        this.holders = new Map();
        this.reasons = new Map();
    }

    add(device) {
        const {glance} = device;
        this.devices.push(device);
        this.counts[glance.state]++;
        this.counts.total++;
        const node = glance.node === null || glance.node === undefined || glance.node < 0 ? "-" : String(glance.node);
        if (!this.nodes.has(node)) {
            this.nodes.set(node, emptyCounts());
        }
        this.nodes.get(node)[glance.state]++;
        this.nodes.get(node).total++;
        if (glance.state === "held") {
            count(this.holders, glance.owner || "?");
        } else if (glance.why.length) {
            count(this.reasons, glance.why[0]);
        }
    }

    // How many are free where the query looks for them.
    free(query) {
        if (query.node === "one") {
            return Math.max(0, ...[...this.nodes.values()].map((counts) => counts.free));
        }
        return query.node ? (this.nodes.get(query.node) || emptyCounts()).free : this.counts.free;
    }

    fits(query, words) {
        if (query.kind ? this.model.kind !== query.kind : this.model.kind === OTHER && !query.other) {
            return false;
        }
        if (query.node && query.node !== "one" && !this.nodes.has(query.node)) {
            return false;
        }
        return this.free(query) >= (Number(query.free) || 0) && this.has(words);
    }

    has(words) {
        return !words.length || words.every((word) => this.text.includes(word));
    }

    get text() {
        if (this._text === undefined) {
            const {kind, label, ids, vendor, className} = this.model;
            const all = [this.host.name, kind, label, ids, vendor, className, ...this.holders.keys()];
            for (const {address, children} of this.devices) {
                all.push(address, ...children.map((child) => child.name));
            }
            this._text = all.join("\n").toLowerCase();
        }
        return this._text;
    }
}

function emptyCounts() {
    return {free: 0, held: 0, kept: 0, set_aside: 0, total: 0};
}

function count(map, key) {
    map.set(key, (map.get(key) || 0) + 1);
}

const MODELS = new Map();

function modelOf(glance) {
    const key = `${glance.ids}\n${glance.kind}\n${glance.label}`;
    if (!MODELS.has(key)) {
        const {kind, label, ids, vendor, vf} = glance;
        MODELS.set(key, {kind, label, ids, vendor, vf, className: glance.class, rank: KINDS.indexOf(kind)});
    }
    return MODELS.get(key);
}

function rowsOf(host) {
    const rows = new Map();
    for (const device of host.devices) {
        if (device.glance.role === "function") {
            const model = modelOf(device.glance);
            if (!rows.has(model)) {
                rows.set(model, new Row(host, model));
            }
            rows.get(model).add(device);
        }
    }
    return [...rows.values()];
}

let everyRow = null;

function allRows() {
    everyRow = everyRow || HOSTS.flatMap(rowsOf);
    return everyRow;
}

function wordsOf(query) {
    return query.q.toLowerCase().split(/\s+/).filter(Boolean);
}

const COLUMNS = {
    host: (a, b) => NAMES.compare(a.host.name, b.host.name),
    kind: (a, b) => a.model.rank - b.model.rank,
    model: (a, b) => NAMES.compare(a.model.label, b.model.label),
    ids: (a, b) => NAMES.compare(a.model.ids, b.model.ids),
    free: (a, b, query) => b.free(query) - a.free(query),
    total: (a, b) => b.counts.total - a.counts.total,
};
const ORDER = ["kind", "free", "host", "model", "ids"];

// The rows that the query asks for, sorted; without a wish what people look for first, and of that what is free.
function chosenRows(query) {
    const words = wordsOf(query);
    const column = query.sort.replace(/^-/, "");
    const sign = query.sort.startsWith("-") ? -1 : 1;
    const rows = allRows().filter((row) => row.fits(query, words));
    return rows.sort((a, b) => {
        let order = COLUMNS[column] ? sign * COLUMNS[column](a, b, query) : 0;
        for (let place = 0; !order && place < ORDER.length; place++) {
            order = COLUMNS[ORDER[place]](a, b, query);
        }
        return order;
    });
}
