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
    ended = dict(filter(None, map(_started_again, connection.listAllDomains())))
    domains = {domain.name(): _domain(domain) for domain in connection.listAllDomains()}
    failed = _said("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full")
    seen = {
        "functions": {path.name: _function(path) for path in sorted(_FUNCTIONS.iterdir())},
        "domains": domains,
        "failed": [line.split()[0] for line in failed.splitlines() if line.strip()],
        "journal": _journal("kvm-hostdev-restore", "kvm-hostdev-domains"),
        "libvirt": _journal("libvirtd"),
        "ended": ended,
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


def _started_again(domain: Any) -> tuple[str, str] | None:
    """Start a domain again that was started since the boot and has ended since; return its name and its log's end.

    Under nested emulation a guest's kernel dies now and then. Who was never started, or could not be, stays off.
    """
    state, reason = domain.state()
    of_itself = (libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED)
    if state != libvirt.VIR_DOMAIN_SHUTOFF or reason not in of_itself:
        return None
    folder = Path("/var/log/libvirt/qemu")
    log, console = (_text(folder / f"{domain.name()}{end}")[-1500:] for end in (".log", "-console.log"))
    try:
        domain.create()
    except libvirt.libvirtError as error:
        log += f"\n{error}"
    return domain.name(), f"reason {reason}: {log}\n{console}"


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
