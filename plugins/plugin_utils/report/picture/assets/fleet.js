// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// The fleet: what there is, and where.

const ROWS_AT_ONCE = 100;
const MODELS_AT_ONCE = 12;

function fleetHead() {
    const counts = emptyCounts();
    for (const row of allRows().filter((each) => each.model.kind !== OTHER)) {
        STATES.forEach((state) => (counts[state] += row.counts[state]));
    }
    const free = plural(counts.free, "device");
    return el(
        "div",
        {class: "head"},
        el("h1", null, `PCI devices of ${plural(HOSTS.length, "host")}`),
        el("p", null, el("b", null, `${free} free to claim`), `, ${counts.held} held. `, report(), oldOnes(), drifted()),
    );
}

function report() {
    return el("span", {class: "quiet"}, "Report of ", name(DATA.generated), ".");
}

function oldOnes() {
    const old = HOSTS.filter((host) => host.age).length;
    return old ? [" ", el("b", null, `The facts of ${plural(old, "host")} are older than an hour.`)] : [];
}

function fleetPage(query) {
    const silent = HOSTS.filter((host) => !host.hasFacts);
    return [filterBar(query), silent.length ? withoutFacts(silent) : null, el("div", {id: "answer"}, answer(query))];
}

function withoutFacts(hosts) {
    return el(
        "details",
        {class: "note"},
        el("summary", null, `${plural(hosts.length, "host")} without facts`),
        el("p", null, "Gather them with kvm.hostdev.pci_facts: ", hosts.map((host) => [name(host.name), " "]).flat()),
    );
}

// The controls stay while the answer below them changes, so that who types keeps the focus.
function filterBar(query) {
    const nodes = new Set(
        allRows()
            .flatMap((row) => [...row.nodes.keys()])
            .filter((node) => node !== "-"),
    );
    const choices = [
        ["", "all NUMA nodes together"],
        ["one", "any one NUMA node"],
        ...[...nodes].sort(NAMES.compare).map((node) => [node, `NUMA node ${node}`]),
    ];
    const on = (key) => (event) => ask({[key]: event.target.value}, {replace: true});
    const others = (event) => ask({other: event.target.checked ? "1" : ""}, {replace: true});
    const select = el(
        "select",
        {id: "node", onchange: on("node")},
        choices.map(([key, text]) => el("option", {value: key, selected: key === query.node}, text)),
    );
    return el(
        "form",
        {role: "search", onsubmit: (event) => event.preventDefault()},
        field(
            "q",
            "Find",
            el("input", {
                id: "q",
                type: "search",
                value: query.q,
                oninput: on("q"),
                autocomplete: "off",
                placeholder: "10de:20b2, A100, enp1s0, host, owner",
            }),
        ),
        field(
            "free",
            "free at least",
            el("input", {
                id: "free",
                type: "number",
                min: "0",
                value: query.free,
                oninput: on("free"),
                placeholder: "0",
            }),
        ),
        field("node", "on", select),
        el(
            "label",
            {class: "check"},
            el("input", {id: "other", type: "checkbox", checked: query.other === "1", onchange: others}),
            "parts of the platform too",
        ),
    );
}

function field(id, text, control) {
    return el("span", {class: "field"}, el("label", {for: id}, text), control);
}

function answer(query) {
    const rows = chosenRows(query);
    const anyKind = chosenRows({...query, kind: ""});
    return [
        kindChips(query, anyKind),
        el(
            "div",
            {class: "columns"},
            el("section", {"aria-labelledby": "what"}, el("h2", {id: "what"}, "Models"), modelTable(query, rows)),
            el(
                "section",
                {"aria-labelledby": "where"},
                el("h2", {id: "where"}, "Hosts"),
                el("p", {role: "status", class: "quiet"}, summary(query, rows)),
                hostTable(query, rows),
            ),
        ),
    ];
}

function summary(query, rows) {
    const hosts = new Set(rows.filter((row) => row.free(query)).map((row) => row.host)).size;
    const free = rows.reduce((sum, row) => sum + row.free(query), 0);
    if (rows.length) {
        return `${plural(free, "device")} free on ${plural(hosts, "host")}.`;
    }
    if (!query.other && !query.kind && chosenRows({...query, other: "1"}).length) {
        return "Nothing but parts of the platform is like this.";
    }
    const near = query.free || query.node ? chosenRows({...query, free: "", node: ""}).length : 0;
    const told = near ? ` With fewer free, or on another NUMA node, there ${near === 1 ? "is" : "are"} ${near}.` : "";
    return `Nothing is like this.${told}`;
}

// One button for each kind that is there, with what is free of it.
function kindChips(query, rows) {
    const kinds = new Map();
    for (const row of rows) {
        const entry = kinds.get(row.model.kind) || {free: 0, total: 0};
        entry.free += row.free(query);
        entry.total += row.counts.total;
        kinds.set(row.model.kind, entry);
    }
    const shown = KINDS.filter((kind) => kinds.has(kind) || kind === query.kind);
    const chip = (kind) => {
        const {free, total} = kinds.get(kind) || {free: 0, total: 0};
        const pressed = query.kind === kind;
        return el(
            "button",
            {
                type: "button",
                class: "chip",
                "data-kind": kind,
                "aria-pressed": String(pressed),
                onclick: () => ask({kind: pressed ? "" : kind}, {replace: true}),
            },
            el("b", null, kind === OTHER ? "platform" : kind),
            ` ${free.toLocaleString("en")} free of ${total.toLocaleString("en")}`,
        );
    };
    return el("div", {class: "chips", role: "group", "aria-label": "Kinds"}, shown.map(chip));
}

function modelTable(query, rows) {
    const models = new Map();
    for (const row of rows) {
        const entry = models.get(row.model) || {model: row.model, counts: emptyCounts(), free: 0, hosts: 0};
        [...STATES, "total"].forEach((key) => (entry.counts[key] += row.counts[key]));
        entry.free += row.free(query);
        entry.hosts += row.free(query) ? 1 : 0;
        models.set(row.model, entry);
    }
    const order = [...models.values()].sort(
        (a, b) => a.model.rank - b.model.rank || b.free - a.free || NAMES.compare(a.model.label, b.model.label),
    );
    const line = ({model, counts, free, hosts}) =>
        el(
            "tr",
            {class: free ? "" : "none"},
            el(
                "th",
                {scope: "row"},
                el(
                    "button",
                    {
                        type: "button",
                        class: "plain",
                        "data-model": model.ids,
                        onclick: () => ask({q: query.q === model.ids ? "" : model.ids}),
                    },
                    name(model.label),
                ),
                what(model),
            ),
            el("td", {class: "count"}, freeOf(free, counts), pips(counts, 8)),
            el("td", {class: "number"}, hosts.toLocaleString("en")),
        );
    return tableOf(
        ["Model", "Free", "On hosts"].map((text) => [null, text]),
        order,
        line,
        {
            atOnce: MODELS_AT_ONCE,
            query,
        },
    );
}

function what(model) {
    return el("span", {class: "what"}, model.kind, model.vf ? " VF " : " ", el("code", null, name(model.ids)));
}

function freeOf(free, counts) {
    return el(
        "span",
        {class: "free-of"},
        el("b", null, free.toLocaleString("en")),
        ` of ${counts.total.toLocaleString("en")}`,
    );
}

function hostTable(query, rows) {
    const heads = [
        ["host", "Host"],
        ["model", "Device"],
        ["free", "Free"],
        [null, "Per NUMA node"],
        [null, "The others"],
    ];
    return tableOf(heads, rows, (row) => hostLine(query, row), {atOnce: ROWS_AT_ONCE, query, sortable: true});
}

function hostLine(query, row) {
    const {host, model, counts} = row;
    const free = row.free(query);
    return el(
        "tr",
        {class: free ? "" : "none", "data-host": host.reference, "data-ids": model.ids},
        el(
            "th",
            {scope: "row"},
            el("a", {href: link({...query, host: host.reference, mark: model.ids})}, name(host.name)),
            ageOf(host),
        ),
        el("td", {class: "model"}, name(model.label), what(model)),
        el("td", {class: "count", "data-free": free, "data-total": counts.total}, freeOf(free, counts), pips(counts)),
        el("td", null, perNode(row)),
        el("td", {class: "quiet"}, others(row)),
    );
}

function ageOf(host) {
    if (Number.isNaN(host.gathered)) {
        return el("span", {class: "what age"}, "facts of unknown age");
    }
    return host.age ? el("span", {class: "what age old"}, `facts ${host.age} old`) : null;
}

function perNode(row) {
    const nodes = [...row.nodes].sort(([a], [b]) => NAMES.compare(a, b));
    return nodes.map(([node, counts]) =>
        el(
            "span",
            {class: "node"},
            node === "-" ? "no node: " : `node ${node}: `,
            el("b", null, String(counts.free)),
            ` of ${counts.total}`,
        ),
    );
}

// Who holds the others, and why they stay.
function others(row) {
    const held = [...row.holders].map(([owner, number]) =>
        el("span", {class: "other"}, swatch("held"), name(owner), number > 1 ? ` \u00d7${number}` : null),
    );
    const kept = [...row.reasons].map(([code, number]) =>
        el(
            "span",
            {class: "other"},
            swatch(code === "set_aside" ? "set_aside" : "kept"),
            name(code),
            number > 1 ? ` \u00d7${number}` : null,
        ),
    );
    const all = [...held, ...kept];
    return all.length > 4 ? [...all.slice(0, 4), `and ${all.length - 4} more`] : all;
}

// A table of which rows are made as they are wanted. Heads are `[column to sort by, text]`.
function tableOf(heads, entries, line, {atOnce, query, sortable = false}) {
    const body = el("tbody");
    const more = el("button", {type: "button", class: "more"});
    let made = 0;
    const go = (number) => {
        body.append(...entries.slice(made, made + number).map(line));
        made = Math.min(entries.length, made + number);
        more.hidden = made === entries.length;
        more.textContent = `${Math.min(atOnce, entries.length - made)} more of ${plural(entries.length - made, "row")}`;
    };
    more.addEventListener("click", () => {
        const next = made;
        go(atOnce);
        const first = body.children[next]?.querySelector("a, button");
        first?.focus();
    });
    more.makeAll = () => go(entries.length);
    go(atOnce);
    const head = el(
        "tr",
        null,
        heads.map(([column, text]) =>
            sortable && column ? sortHead(column, text, query) : el("th", {scope: "col"}, text),
        ),
    );
    return el("div", {class: "table"}, el("table", null, el("thead", null, head), body), more);
}

function sortHead(column, text, query) {
    const sorted = query.sort.replace(/^-/, "") === column;
    const back = query.sort.startsWith("-");
    const next = sorted ? (back ? "" : `-${column}`) : column;
    const direction = sorted ? (back === (column === "free") ? "ascending" : "descending") : null;
    return el(
        "th",
        {scope: "col", "aria-sort": direction},
        el(
            "button",
            {type: "button", class: "sort", "data-sort": column, onclick: () => ask({sort: next}, {replace: true})},
            text,
            el(
                "span",
                {"aria-hidden": "true"},
                direction ? (direction === "ascending" ? " \u25b2" : " \u25bc") : " \u25b5",
            ),
        ),
    );
}
