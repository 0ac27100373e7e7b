# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which accelerator the emulator uses: KVM where a guest truly runs under it and can nest, else multi-threaded TCG."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from . import say
from .emulator import Emulator

#: Seconds in which a kernel must say its first words. Under KVM that is well under one second.
TRIAL = 15

#: What an emulated host's kernel is told: to leave out what takes time and guards nobody here, and to boot anew when it
#: stands still. Now and then a processor loses its timer at the begin of a boot, which the kernel sees after 21 s; such
#: a host answers nobody, and says so for ever.
KERNEL_ARGUMENTS = (
    "console=ttyS0,115200 fsck.mode=skip mitigations=off apparmor=0 audit=0 panic=10 init_on_alloc=0 "
    "sysctl.kernel.panic_on_rcu_stall=1 lsm=lockdown,yama rodata=off cryptomgr.notests "
    "initcall_blacklist=jent_mod_init,load_system_certificate_list"
)

#: A plain processor: each feature that a kernel uses for its own sake is work for the emulator, such as a fifth level
#: of page tables, SMAP, or the state of longer vectors.
TCG = ("-accel", "tcg,thread=multi", "-cpu", "qemu64,+svm,+npt,+fsgsbase,+pdpe1gb,+arat,+rdtscp,+popcnt")
KVM = ("-accel", "kvm", "-cpu", "host")


def choose(tools: Emulator, kernel: Path, verdict: Path) -> tuple[str, ...]:
    """Return the QEMU arguments of the best accelerator; the trial's outcome is kept in VERDICT until the next boot."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if verdict.exists():
        known_boot, _, answer = verdict.read_text().partition(" ")
        if known_boot == boot:
            return KVM if answer.strip() == "kvm" else TCG
    usable = _can_nest() and _runs(tools, kernel)
    verdict.write_text(f"{boot} {'kvm' if usable else 'tcg'}\n")
    return KVM if usable else TCG


def _can_nest() -> bool:
    """Return whether a guest of a guest can run: the lab host starts domains of its own."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    switches = (Path(f"/sys/module/{module}/parameters/nested") for module in ("kvm_intel", "kvm_amd"))
    return any(switch.exists() and switch.read_text().strip() in ("Y", "1") for switch in switches)


def _runs(tools: Emulator, kernel: Path) -> bool:
    """Boot KERNEL with nothing else. That /dev/kvm opens says nothing: a machine may offer it and not run a guest."""
    command = tools.qemu(
        *KVM,
        *("-machine", "q35", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(kernel), "-append", "console=ttyS0 earlyprintk=ttyS0 panic=-1"),
    )
    with say.step("trying KVM"):
        try:
            done = subprocess.run(
                command,
                env=tools.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL,
                check=False,
            )
            output = done.stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
    # Without a root disk the kernel comes all the way up and then panics.
    return b"Kernel panic" in output
