// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Show what the address asks for, now and whenever it changes.

let drawn = {host: null};

function show() {
    const query = asked();
    const host = query.host ? hostOf(query.host) : null;
    const head = document.getElementById("top");
    const main = document.getElementById("main");
    if (query.host && !host) {
        drawn = {host: null};
        head.replaceChildren(el("h1", null, "No such host"));
        main.replaceChildren(
            el("p", null, name(query.host), " is not in this report. ", el("a", {href: "#"}, "See all hosts")),
        );
    } else if (host) {
        if (drawn.host !== host) {
            document.title = `${host.name}: PCI devices`;
            head.replaceChildren(hostHead(host));
            main.replaceChildren(...hostPage(host, query));
            const came = drawn.host !== null || drawn.fleet;
            drawn = {host};
            mark(query.mark);
            if (came && !query.device) {
                main.focus({preventScroll: true});
            }
        }
    } else if (drawn.fleet) {
        refreshFleet(query);
    } else {
        document.title = `PCI devices of ${plural(HOSTS.length, "host")}`;
        head.replaceChildren(fleetHead());
        main.replaceChildren(...fleetPage(query).filter(Boolean));
        drawn = {host: null, fleet: true};
    }
    details(host, query);
}

// The answer anew, and in the controls what was not typed there.
function refreshFleet(query) {
    const focused = document.activeElement;
    const again =
        focused &&
        ["kind", "sort", "model"]
            .map((key) => focused.dataset[key] && `[data-${key}="${CSS.escape(focused.dataset[key])}"]`)
            .find(Boolean);
    for (const key of ["q", "free", "node"]) {
        const control = document.getElementById(key);
        if (control !== focused) {
            control.value = query[key];
        }
    }
    document.getElementById("other").checked = query.other === "1";
    document.getElementById("answer").replaceChildren(...answer(query));
    if (again) {
        document.querySelector(again)?.focus();
    }
}

function details(host, query) {
    const dialog = document.getElementById("details");
    const device = host && query.device ? host.device(query.device) : null;
    if (device) {
        showDetails(device);
    } else if (dialog.open) {
        dialog.close();
    }
}

// On paper all is open; what was made for it stays, what was closed is closed again.
let closedBefore = [];
const PRINTED_HOSTS = 20;

function openForPrint(printing) {
    if (!printing) {
        closedBefore.forEach((one) => (one.open = false));
        closedBefore = [];
        document.querySelectorAll(".printed").forEach((one) => one.remove());
        return;
    }
    document.querySelectorAll(".more").forEach((one) => one.makeAll?.());
    if (drawn.fleet) {
        printHosts();
    }
    for (let shut = shutOnes(); shut.length; shut = shutOnes()) {
        for (const one of shut) {
            one.makeAll?.();
            one.open = true;
        }
        closedBefore.push(...shut);
    }
}

function shutOnes() {
    return [...document.querySelectorAll("main details:not([open])")];
}

// Few hosts are drawn below the tables.
function printHosts() {
    const hosts = [...new Set(chosenRows(asked()).map((row) => row.host))];
    if (hosts.length <= PRINTED_HOSTS) {
        const drawings = hosts.map((host) =>
            el("section", {class: "printed"}, el("h2", null, name(host.name)), driftOf(host), legend(), drawing(host)),
        );
        document.getElementById("main").append(...drawings);
    }
}

matchMedia("print").addEventListener("change", (event) => openForPrint(event.matches));
window.addEventListener("hashchange", show);
show();
