// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// All that the facts say of one device, in a dialog.

let opener = null;

function openDetails(device) {
    ask({host: device.host.reference, device: device.address});
}

function showDetails(device) {
    const dialog = document.getElementById("details");
    const {label, state} = device.glance;
    const close = el(
        "button",
        {type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close()},
        "\u00d7",
    );
    dialog.replaceChildren(
        el(
            "div",
            {class: "dialog-head"},
            el("h2", {id: "details-title"}, name(label), " ", el("code", null, name(device.address))),
            close,
        ),
        el(
            "div",
            {class: "dialog-body", tabindex: "0", role: "region", "aria-label": "All fields"},
            [
                state
                    ? el("p", {class: "state"}, swatch(state), stateWords(device))
                    : el("p", null, "A bridge, which serves the devices behind it."),
                togetherList(device.glance.together || []),
                blockerList(device.blockers),
                state && device.where ? neighbourTable(device) : null,
                Object.entries(device.sections).map(([title, fields]) => fieldTable(title, fields)),
            ].flat(),
        ),
    );
    if (!dialog.open) {
        opener = boxOf(device.address) || document.activeElement;
        dialog.showModal();
    }
    close.focus();
}

function boxOf(address) {
    const wanted = CSS.escape(address);
    return document.querySelector(`[data-address="${wanted}"], [data-bridge="${wanted}"], [data-node-device="${wanted}"]`);
}

function stateWords(device) {
    const {ids, state, owner, detail} = device.glance;
    if (state === "free" && device.request) {
        return [el("b", null, "Free."), " A request claims it by ", el("code", null, name(`{${device.request}}`)), "."];
    }
    if (state === "free") {
        return [
            el("b", null, "Free."),
            " A request claims it by ",
            el("code", null, `{address: "${device.address}"}`),
            ", or any like it by ",
            el("code", null, `{specs: ["${ids}"]}`),
            ".",
        ];
    }
    return state === "held"
        ? [el("b", null, "Held"), " by ", name(owner || "?"), timeWords(device.stands || {}), "."]
        : [el("b", null, WORDS[state]), detail && !device.blockers.length ? [": ", name(detail)] : ":"].flat();
}

// What its owner asked for over this device and others.
function togetherList(asked) {
    const told = asked.flatMap((one, place) => [place ? "; " : "", el("code", null, name(one))]);
    return asked.length ? el("p", {class: "together"}, "Chosen with others: ", told, ".") : null;
}

// Since when it is held, and when it is due back.
function timeWords({since, until, overdue}) {
    const due = until ? `${overdue ? "overdue since" : "due back"} ${minutes(until)}` : null;
    const words = [since ? `since ${minutes(since)}` : null, due].filter((part) => part);
    return words.length ? name(` ${words.join(", ")} UTC`) : "";
}

function minutes(moment) {
    return String(moment).slice(0, 16).replace("T", " ");
}

function blockerList(blockers) {
    const line = ({code, address, detail, remedy, override}) =>
        el(
            "li",
            null,
            el("b", null, name(code)),
            " ",
            el("code", null, name(address ?? "")),
            detail ? [": ", name(detail)] : null,
            remedy ? el("span", {class: "remedy"}, "What to do: ", worded(remedy)) : null,
            override ? el("span", {class: "remedy"}, "Accepted by ", el("code", null, name(override))) : null,
        );
    return blockers.length ? el("ul", {class: "blockers"}, blockers.map(line)) : null;
}

// How far others are from it: those that are near by name, of those below other roots how many.
function neighbourTable(device) {
    const line = ([word, others]) => {
        const near = ["SAME", "PIX", "PXB", "PHB"].includes(word);
        const named = others.slice(0, near ? MOST_NAMED : 0);
        const more = others.length - named.length;
        return el(
            "tr",
            null,
            el("th", {scope: "row"}, el("b", null, word || "unknown"), ` ${APART_MEANS[word]}`),
            el(
                "td",
                null,
                named.map(({address, glance}) =>
                    el("div", null, swatch(glance.state), " ", el("code", null, name(address)), " ", name(glance.label)),
                ),
                more ? (named.length ? `and ${more} more` : plural(more, "device")) : null,
            ),
        );
    };
    const lines = neighbours(device).map(line);
    return lines.length
        ? el(
              "table",
              {class: "apart"},
              el("caption", null, "How far others are from it"),
              el("tbody", null, lines),
          )
        : null;
}

const MOST_NAMED = 12;

function fieldTable(title, fields) {
    const keys = Object.keys(fields).filter((key) => key !== "blockers");
    return keys.length
        ? el(
              "table",
              {class: "fields"},
              el("caption", null, title),
              el(
                  "tbody",
                  null,
                  keys.map((key) =>
                      el("tr", null, el("th", {scope: "row"}, name(key)), el("td", null, known(fields, key))),
                  ),
              ),
          )
        : null;
}

// Of where a device sits null means that nobody knows; in other fields that there is none.
function known(fields, key) {
    const unknown = ["numa_node", "socket", "pcie_root", "pcie_switches"].includes(key) && fields[key] === null;
    const nearest = key === "pcie_switch" && fields.pcie_switches === null;
    return unknown || nearest ? el("span", {class: "quiet"}, "not known") : shown(fields[key], key);
}

// A value as people read it: lists in a line, mappings as `key: value`, sizes with their unit.
function shown(given, key = "") {
    if (given === null || given === undefined || given === "") {
        return el("span", {class: "quiet"}, given === "" ? "empty" : "none");
    }
    if (Array.isArray(given)) {
        if (!given.length) {
            return el("span", {class: "quiet"}, "none");
        }
        const nested = given.some((item) => typeof item === "object" && item !== null);
        return nested
            ? el(
                  "ul",
                  null,
                  given.map((item) => el("li", null, shown(item))),
              )
            : given.flatMap((item, place) => [place ? ", " : "", name(item)]);
    }
    if (typeof given === "object") {
        return Object.entries(given).flatMap(([inner, item], place) =>
            [place ? "; " : "", name(inner), ": ", shown(item, inner)].flat(),
        );
    }
    return key === "size" && Number.isInteger(given) ? `${size(given)} (${given})` : name(given);
}

function size(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = 0;
    while (bytes >= 1024 && bytes % 1024 === 0 && place < units.length - 1) {
        bytes /= 1024;
        place++;
    }
    return `${bytes} ${units[place]}`;
}

document.getElementById("details").addEventListener("close", () => {
    const back = boxOf(asked().device) || (opener?.isConnected ? opener : null);
    opener = null;
    ask({device: ""}, {replace: true});
    back?.focus();
});
