// Copyright (c) 2026, kvm.hostdev contributors
// SPDX-License-Identifier: GPL-3.0-or-later

// Making elements. Text is only ever written as text.

const NAMES = new Intl.Collator("en", {numeric: true});

// An element with attributes (`on...` are listeners), and what is in it: texts, elements, or nothing (null, false).
function el(tag, attributes, ...inside) {
    const made = document.createElement(tag);
    for (const [name, given] of Object.entries(attributes || {})) {
        if (typeof given === "function") {
            made.addEventListener(name.slice(2), given);
        } else if (given === true) {
            made.setAttribute(name, "");
        } else if (given !== null && given !== undefined && given !== false) {
            made.setAttribute(name, given);
        }
    }
    made.append(...inside.flat().filter((part) => part !== null && part !== undefined && part !== false));
    return made;
}

// What hosts, domains and devices are called: its direction stays its own.
function name(text, tag = "bdi") {
    return el(tag, {class: "name"}, String(text));
}

// A text of ours, in which code stands between backticks.
function worded(text) {
    const parts = String(text).split("`");
    return parts.length % 2
        ? parts.map((part, place) => (place % 2 ? el("code", null, name(part)) : name(part)))
        : name(text);
}

function plural(number, one, many = `${one}s`) {
    return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

function swatch(state) {
    return el("span", {class: `swatch ${state}`, "aria-hidden": "true"});
}

// A mark for each function, or for many a bar, by state.
function pips(counts, most = 16) {
    const total = STATES.reduce((sum, state) => sum + counts[state], 0);
    const made = el("span", {class: "pips", "aria-hidden": "true"});
    for (const state of STATES) {
        if (total <= most) {
            for (let pip = 0; pip < counts[state]; pip++) {
                made.append(swatch(state));
            }
        } else if (counts[state]) {
            const part = swatch(state);
            part.style.width = `${Math.max(4, (8 * most * counts[state]) / total)}px`;
            made.append(part);
        }
    }
    return made;
}

function legend() {
    return el(
        "ul",
        {class: "legend", "aria-label": "States"},
        STATES.map((state) => el("li", null, swatch(state), el("b", null, WORDS[state]), `: ${MEANINGS[state]}`)),
    );
}
