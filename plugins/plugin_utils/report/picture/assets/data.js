// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

"use strict";

// The data of the page, decoded when it is looked at. See encode.py for how it is written.

const DATA = JSON.parse(document.getElementById("data").textContent);
const KINDS = DATA.kinds;
const OTHER = KINDS[KINDS.length - 1];
const STATES = ["free", "held", "kept", "set_aside"];
const WORDS = {free: "free", held: "held", kept: "kept by the host", set_aside: "set aside"};
const MEANINGS = {
    free: "anybody may claim it now",
    held: "an owner has it by a claim",
    kept: "it stays with the host, or with a domain that has it by hand",
    set_aside: "it could not be settled, and is given to nobody until that is mended",
};

const decoded = new Array(DATA.values.length);

function value(number) {
    if (number === null) {
        return null;
    }
    if (decoded[number] === undefined) {
        const raw = DATA.values[number];
        if (!Array.isArray(raw)) {
            decoded[number] = raw;
        } else if (raw[0] === 0) {
            decoded[number] = raw.slice(1).map(value);
        } else {
            const keys = DATA.shapes[raw[0] - 1];
            decoded[number] = Object.fromEntries(keys.map((key, place) => [key, value(raw[place + 1])]));
        }
    }
    return decoded[number];
}

// When the report was made, and when the facts of a host were gathered, in milliseconds; NaN where that is no time.
const MADE = Date.parse(String(DATA.generated).replace(/^(\S{10}) (\S+) UTC$/, "$1T$2Z"));
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const HOUR = 3600000;

// A host as the page knows it. `facts` is null for a host without facts.
class Host {
    constructor([name, facts, devices, behind], index) {
        this.index = index;
        this.name = name;
        this.hasFacts = facts !== null;
        this._facts = facts;
        this._devices = devices;
        this._behind = behind;
    }

    get facts() {
        return value(this._facts) || {};
    }

    get gathered() {
        const at = this.facts.gathered_at;
        return MOMENT.test(at) ? Date.parse(at) : NaN;
    }

    // How much older than the report the facts are; empty below an hour.
    get age() {
        const hours = Math.floor((MADE - this.gathered) / HOUR);
        return hours >= 48 ? plural(Math.floor(hours / 24), "day") : hours >= 1 ? plural(hours, "hour") : "";
    }

    get devices() {
        return this._devices.map((parts) => new Device(this, parts));
    }

    device(address) {
        return [...this.devices, ...this.nodes].find((device) => device.address === address);
    }

    // The USB and SCSI devices that a guest could be given.
    get nodes() {
        this._nodes = this._nodes || this._behind.map((parts) => new NodeDevice(this, parts));
        return this._nodes;
    }

    // Those that hang on a function, or with null on none.
    behind(address) {
        return this.nodes.filter((node) => node.above === address);
    }

    // For the fragment of the address. A name that no address can carry is told by its place.
    get reference() {
        const carried = typeof this.name.isWellFormed !== "function" || this.name.isWellFormed();
        return carried && !this.name.startsWith("~") ? this.name : `~${this.index}`;
    }
}

class Device {
    constructor(host, parts) {
        this.host = host;
        this._parts = parts;
    }

    get glance() {
        return value(this._parts[0]);
    }

    get is() {
        return value(this._parts[1]);
    }

    get where() {
        return value(this._parts[2]);
    }

    // What it hangs below, the same for all on one bus.
    get below() {
        return value(this._parts[3]);
    }

    get stands() {
        return value(this._parts[4]);
    }

    get rest() {
        return value(this._parts[5]);
    }

    get address() {
        return this.where.address;
    }

    // The NUMA node, null where it is not known: a host with exactly one has all its devices there.
    get node() {
        const nodes = this.host.facts.numa_nodes || [];
        return this.glance.node === null && nodes.length === 1 ? nodes[0].id : this.glance.node;
    }

    get children() {
        return this.rest.children || [];
    }

    get blockers() {
        return this.stands.blockers || [];
    }

    get sections() {
        return {
            "What it is": this.is,
            "Where it is": {...this.where, ...this.below},
            "How it stands": this.stands,
            "What else is known": this.rest,
        };
    }
}

// A USB or SCSI device, which is known by its name.
class NodeDevice {
    constructor(host, [above, glance, fields]) {
        this.host = host;
        this.above = value(above);
        this.glance = value(glance);
        this.fields = value(fields);
    }

    get address() {
        return this.fields.name;
    }

    get blockers() {
        return this.fields.blockers || [];
    }

    get sections() {
        return {"What is known of it": this.fields};
    }

    // What it is asked for by, as the guide on USB and SCSI devices has it.
    get request() {
        const {vendor_id: vendor, product_id: product, serial, host, bus, target, lun} = this.fields;
        if (this.fields.capability === "scsi") {
            return `scsi: {adapter: scsi_host${host}, bus: ${bus}, target: ${target}, lun: ${lun}}`;
        }
        return `usb: {vendor_id: "${vendor}", product_id: "${product}"${serial ? `, serial: "${serial}"` : ""}}`;
    }
}

const HOSTS = DATA.hosts.map((host, index) => new Host(host, index));

function hostOf(reference) {
    return HOSTS.find((host) => host.reference === reference);
}
