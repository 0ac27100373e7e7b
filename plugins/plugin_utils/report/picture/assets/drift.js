// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Where record and host differ: what is not there, or not as it was claimed.

function driftOf(host) {
    const entries = host.facts.drift || [];
    return entries.length
        ? el(
              "section",
              {class: "drift", "aria-label": "Drift"},
              el("h2", null, `Drift: ${plural(entries.length, "difference")} from the record`),
              el("ul", null, entries.map(difference)),
              el("p", {class: "quiet"}, worded("`ansible-playbook kvm.hostdev.reconcile --check` says what would mend it.")),
          )
        : null;
}

// Of what is set aside the commands that mend it stand at the end.
function difference({code, address, owner, detail}) {
    const [said, commands] = String(detail ?? "").split("by hand: ");
    return el(
        "li",
        null,
        el("b", null, name(code)),
        " ",
        el("code", null, name(address ?? "")),
        owner ? [" of ", name(owner.label)] : null,
        ": ",
        name(said.replace(/; $/, "")),
        commands ? commands.split(" && ").map((command) => el("code", {class: "command"}, name(command))) : null,
    );
}

// Those of the fleet that have some, with links to the first of them.
function drifted() {
    const hosts = HOSTS.filter((host) => (host.facts.drift || []).length);
    const some = hosts.slice(0, 5).flatMap((host, place) => [place ? ", " : " ", hostLink(host)]);
    return hosts.length
        ? [
              " ",
              el("b", null, `${plural(hosts.length, "host differs", "hosts differ")} from the record:`),
              some,
              hosts.length > 5 ? ` and ${hosts.length - 5} more` : "",
              ".",
          ].flat()
        : null;
}

function hostLink(host) {
    return el("a", {href: link({...asked(), host: host.reference})}, name(host.name));
}
