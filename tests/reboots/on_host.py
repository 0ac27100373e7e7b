# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the lab host: waits until its boot is over, and prints as JSON what it shows from outside."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import libvirt

_FUNCTIONS = Path("/sys/bus/pci/devices")
_SOURCE = re.compile(
    r"<source>\s*<address domain='0x(\w{4})' bus='0x(\w{2})' slot='0x(\w{2})' function='0x(\w)'/>\s*</source>"
)
_RECORD = "/etc/ansible/facts.d/hostdev.fact"


def main() -> None:
    """Print it."""
    # Autostart is over when libvirt answers; what starts domains after it is one of the boot's jobs.
    _said("systemctl", "is-system-running", "--wait")
    connection = libvirt.open("qemu:///system")
    domains = {domain.name(): _domain(domain) for domain in connection.listAllDomains()}
    failed = _said("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full")
    seen = {
        "functions": {path.name: _function(path) for path in sorted(_FUNCTIONS.iterdir())},
        "domains": domains,
        "failed": [line.split()[0] for line in failed.splitlines() if line.strip()],
        "journal": _journal("kvm-hostdev-restore", "kvm-hostdev-domains"),
        "libvirt": _journal("libvirtd"),
        "record": _text(Path(_RECORD)),
        "restored": _text(Path("/run/kvm.hostdev/restored.json")),
    }
    print(json.dumps(seen))


def _said(*command: str) -> str:
    """Return what a command prints, whatever its end."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=240, check=False).stdout


def _journal(*units: str) -> str:
    return _said("journalctl", "--boot", "--no-pager", "--output=cat", *(f"--unit={unit}" for unit in units))


def _function(path: Path) -> tuple[str, str]:
    driver = path / "driver"
    override = _text(path / "driver_override").strip()
    return driver.resolve().name if driver.is_symlink() else "", "" if override == "(null)" else override


def _domain(domain: Any) -> dict[str, Any]:
    runs = bool(domain.isActive())
    return {
        "runs": runs,
        "defined": _sources(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)),
        "running": _sources(domain.XMLDesc()) if runs else [],
    }


def _sources(xml: str) -> list[str]:
    return [f"{segment}:{bus}:{slot}.{function}" for segment, bus, slot, function in _SOURCE.findall(xml)]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
