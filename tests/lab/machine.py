# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab host as an object: starts it, runs commands on it, looks into its guests, stops it."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import accelerator, cache, emulator, guest, image, qmp, runs, say, spent, topology
from .guest import GuestDevice
from .patience import stretched
from .say import LabError
from .ssh import HOST, Ssh

#: MiB; enough for libvirt and two guests with pinned memory.
MEMORY = 2560
#: Seconds in which a host that boots neither says a word on its console nor answers on ssh; a boot takes 30 to 60.
SILENCE = 90
#: Under emulation a second processor costs with each process that is started: who wants it switches it on.
KERNEL_ARGUMENTS = f"root=/dev/vda rw intel_iommu=on maxcpus=1 {accelerator.KERNEL_ARGUMENTS}"

_serial = itertools.count(1)


class Lab:
    """One emulated passthrough host.

    As a context manager it starts on entry and stops on exit. It then dies with the process that started it, unless
    'detached'. Without a name it gets one of its own, so that any number of labs can run at once.
    """

    #: How many it has; it is booted with one of them.
    processors = 2

    def __init__(
        self,
        name: str | None = None,
        *,
        suite: str = "trixie",
        kernel_arguments: str = KERNEL_ARGUMENTS,
        detached: bool = False,
    ) -> None:
        self.run = runs.Run(name or f"t{os.getpid()}-{next(_serial)}")
        self.suite = suite
        self.kernel_arguments = kernel_arguments
        self.detached = detached
        self.devices: Sequence[topology.Device] = topology.DEVICES
        #: What Ansible runs modules with; see `warm`.
        self.interpreter = "/usr/bin/python3"
        self._process: subprocess.Popen[bytes] | None = None
        self._ssh: Ssh | None = None

    @staticmethod
    def attach(name: str) -> Lab:
        """Return the running lab NAME, started by another process."""
        run = runs.Run(name)
        state = run.state()
        if state is None:
            raise LabError(f"no lab {name!r} is running: start it with 'python3 -m tests.lab up --name {name}'")
        lab = Lab(name, suite=state.suite, detached=True)
        lab._ssh = Ssh(state.port, Path(state.key), run.folder)
        return lab

    @property
    def ssh(self) -> Ssh:
        """Return the way in."""
        if self._ssh is None:
            raise LabError(f"the lab {self.run.name!r} has not been started")
        return self._ssh

    def start(self) -> None:
        """Build what is missing, boot, wait until the host can be used, and check its hardware."""
        tools = emulator.ensure()
        files = self._image(tools)
        speed = accelerator.choose(tools, files.kernel, files.folder / "accelerator")
        with self.run.lock(), spent.spending(spent.BOOTS):
            self.run.create()
            try:
                self._switch_on(tools, files, speed)
                self._prepare()
            except BaseException:
                say.line(f"console ({self.run.console}), its end:\n{emulator.tail(self.run.console)}")
                say.line(f"emulator ({self.run.log}):\n{emulator.tail(self.run.log, 5)}")
                self._end()
                raise

    def _switch_on(self, tools: emulator.Emulator, files: image.Image, speed: tuple[str, ...]) -> None:
        self._launch(tools, files, speed)
        self._await_boot()
        with say.step("checking the hardware"):
            self._check_hardware()

    def stop(self) -> None:
        """Switch the host off and remove its run folder; what was written to its disk is gone."""
        with self.run.lock():
            self._end()
            self.run.remove()

    def __enter__(self) -> Lab:
        """Start the lab."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the lab."""
        self.stop()

    def wait_for_ssh(self, silence: float = SILENCE) -> None:
        """Wait until root can log in, as long as the host's console is not silent for SILENCE seconds."""
        with say.step(f"waiting for ssh on port {self.ssh.port}"):
            said, since = 0, time.monotonic()
            while not (self.ssh.answers() and self.ssh.run("true", timeout=60).returncode == 0):
                if self.run.state() is None:
                    raise LabError("the emulator ended")
                if said != (now := self.run.console.stat().st_size):
                    said, since = now, time.monotonic()
                if time.monotonic() - since > stretched(silence):
                    raise LabError(f"no ssh, and no word on the console for {time.monotonic() - since:.0f} s")
                time.sleep(0.5)  # nothing tells when a server starts to listen behind a forwarded port

    def sh(
        self, command: str, check: bool = True, *, text: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell's command line as root, with TEXT as standard input; with CHECK a failure raises LabError."""
        done = self.ssh.run(command, text=text, timeout=timeout)
        if check and done.returncode:
            raise LabError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def put(self, text: str, path: str) -> None:
        """Write TEXT to the file PATH of the host; missing folders are made."""
        folder, file = shlex.quote(os.path.dirname(path)), shlex.quote(path)
        self.sh(f"mkdir -p {folder} && cat > {file}", text=text)

    def get(self, path: str) -> str:
        """Return the text of the file PATH of the host."""
        return self.sh(f"cat {shlex.quote(path)}").stdout

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command of the emulator, such as device_add or device_del, and return its result."""
        return qmp.execute(self.run.monitor, command, **arguments)

    def switch_processor(self, *, on: bool) -> None:
        """Let the host run on its second processor, too, or on one again, as it is booted."""
        self.sh(f"echo {on:d} > /sys/devices/system/cpu/cpu1/online")

    def reboot(self) -> None:
        """Boot the host again; its disk keeps what was written to it."""
        self._boot_again(lambda: self.sh("systemctl reboot", check=False))

    def reset(self) -> None:
        """Press the host's reset button: nothing is shut down, nothing is written that was not."""
        self._boot_again(lambda: self.qmp("system_reset"))

    def _boot_again(self, begin: Callable[[], object]) -> None:
        with spent.spending(spent.BOOTS):
            self._await_another_boot(begin)

    def _await_another_boot(self, begin: Callable[[], object]) -> None:
        before = self.get("/proc/sys/kernel/random/boot_id")
        begin()
        self.ssh.close()
        began = time.monotonic()
        while time.monotonic() - began < stretched(6 * SILENCE):  # the old system may still answer
            self._await_boot()
            after = self.sh("cat /proc/sys/kernel/random/boot_id", check=False).stdout
            if after and after != before:
                return
        raise LabError("the host did not boot again")

    def _await_boot(self) -> None:
        """Wait for a boot to end. Under emulation one now and then never does; such a host is reset."""
        for _attempt in range(2):
            try:
                return self.wait_for_ssh()
            except LabError as error:
                if self.run.state() is None:
                    raise
                say.line(f"{error}; console, its end:\n{emulator.tail(self.run.console, 5)}\nlab: resetting the host")
                self.qmp("system_reset")
        return self.wait_for_ssh()

    def inventory(self, alias: str = "lab") -> str:
        """Return an Ansible inventory in YAML with this host as ALIAS."""
        return self.ssh.inventory(alias, self.interpreter)

    def start_guest(self, name: str, timeout: float = 90) -> list[GuestDevice]:
        """Start the domain NAME and return the PCI devices its kernel sees first.

        Under nested emulation a kernel that takes 15 s to boot now and then never does, without a word on its console.
        Such a guest is started again.
        """
        with say.step(f"starting the guest {name}"), spent.spending(spent.GUESTS):
            self.sh(f"virsh -q start {name}")
            for _attempt in range(2):
                try:
                    return self.wait_guest_pci(name, lambda devices: True, timeout)
                except LabError as error:
                    say.line(f"{error}\nlab: starting the guest {name} once more")
                    self.sh(f"virsh -q destroy {name}; virsh -q start {name}")
            return self.wait_guest_pci(name, lambda devices: True, timeout)

    def guest_pci(self, name: str) -> list[GuestDevice]:
        """Return the PCI devices that the guest NAME reported last; none when it has not said anything yet."""
        return guest.Snapshots().feed_all(self._console(name).decode(errors="replace").splitlines()) or []

    def wait_guest_pci(
        self, name: str, predicate: Callable[[list[GuestDevice]], bool], timeout: float = 60
    ) -> list[GuestDevice]:
        """Await a report of the guest NAME that fulfils PREDICATE, the last one or a later one, and return it."""
        with spent.spending(spent.GUESTS):
            return self._await_guest_pci(name, predicate, timeout)

    def _await_guest_pci(
        self, name: str, predicate: Callable[[list[GuestDevice]], bool], timeout: float
    ) -> list[GuestDevice]:
        snapshots = guest.Snapshots()
        said = self._console(name)  # whole: a report that is not the last one tells nothing of now
        complete, _newline, _rest = said.rpartition(b"\n")
        last = snapshots.feed_all(complete.decode(errors="replace").splitlines())
        if last is not None and predicate(last):
            return last
        for line in self._follow(guest.console_path(name), len(complete), timeout):
            if snapshots.feed(line) and snapshots.last is not None and predicate(snapshots.last):
                return snapshots.last
        end = self._console(name)[-1000:].decode(errors="replace")
        told = f"it reported {snapshots.last}, its console ends:\n{end}"
        raise LabError(f"the guest {name} did not get there in {stretched(timeout):.0f} s; {told}")

    def _console(self, name: str) -> bytes:
        """Return all that the guest NAME has written to its console since it was started."""
        command = self.ssh.command(f"cat {shlex.quote(guest.console_path(name))} 2> /dev/null")
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False).stdout

    def _follow(self, path: str, start: int, timeout: float) -> Iterator[str]:
        """Yield the lines of a file of the host from the byte START on, as they are written."""
        deadline = time.monotonic() + stretched(timeout)
        command = self.ssh.command(f"exec tail -c +{start + 1} -F {shlex.quote(path)} 2> /dev/null")
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            descriptor, rest = process.stdout.fileno(), b""
            try:
                while (left := deadline - time.monotonic()) > 0 and select.select([descriptor], [], [], left)[0]:
                    chunk = os.read(descriptor, 65536)
                    if not chunk:
                        return
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from (line.decode(errors="replace") for line in lines)
            finally:
                process.terminate()

    def _image(self, tools: emulator.Emulator) -> image.Image:
        return image.ensure(self.suite, tools)

    def _disk(self, tools: emulator.Emulator, files: image.Image) -> str:
        """Return the options of the root disk."""
        return f"file={files.disk},format=raw,snapshot=on"

    def _boot(self, tools: emulator.Emulator, files: image.Image) -> Sequence[str]:
        """Return the emulator's arguments that start a kernel."""
        return ("-kernel", str(files.kernel), "-initrd", str(files.initrd), "-append", self.kernel_arguments)

    def _launch(self, tools: emulator.Emulator, files: image.Image, speed: tuple[str, ...]) -> None:
        for _attempt in range(5):
            port = _free_port()
            command = tools.qemu(
                *("-name", f"guest=kvm-hostdev-lab-{self.run.name}"),
                *speed,
                *topology.arguments(
                    MEMORY, self.processors, port, self._disk(tools, files), self.run.folder, self.devices
                ),
                *self._boot(tools, files),
                *("-serial", f"file:{self.run.console}", "-qmp", f"unix:{self.run.monitor},server=on,wait=off"),
            )
            if not self.detached:
                leash = str(Path(__file__).parent / "leash.py")
                command = [sys.executable, leash, str(os.getpid()), *command]
            held = [cache.hold(tools.root.parent), cache.hold(files.folder)]
            try:
                with self.run.log.open("wb") as log:
                    self._process = subprocess.Popen(
                        command,
                        env=tools.environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        pass_fds=held,
                        start_new_session=True,
                    )
            finally:
                for descriptor in held:
                    os.close(descriptor)
            if self._listens():
                self.run.save(runs.State(self._process.pid, port, self.suite, str(files.key)))
                self._ssh = Ssh(port, files.key, self.run.folder)
                say.line(f"the lab {self.run.name!r} boots {self.suite} with {speed[1]}, in {self.run.folder}")
                return
            # Somebody took the port between our look and the emulator's: another one then.
            if "host forwarding" not in emulator.tail(self.run.log):
                break
        raise LabError(f"the emulator did not start:\n{emulator.tail(self.run.log)}")

    def _listens(self) -> bool:
        """Wait until the emulator answers on its control socket, or ends; all ports are bound by then."""
        assert self._process is not None
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                qmp.execute(self.run.monitor, "query-status")
                return True
            time.sleep(0.1)
        return False

    def _prepare(self) -> None:
        with say.step("defining the domains"):
            self.define_domains()

    def define_domains(self) -> None:
        """Define the guests, which stay shut off."""
        self.sh(
            "sh -eu",
            text="".join(
                f"cat > /run/{name}.xml <<'XML'\n{guest.domain_xml(name)}XML\n"
                f"virsh -q define /run/{name}.xml > /dev/null\n"
                for name in guest.DOMAINS
            ),
        )

    def _check_hardware(self) -> None:
        script = (
            "udevadm settle\nfor device in /sys/bus/pci/devices/*; do"
            ' echo "${device##*/} $(cat $device/vendor) $(cat $device/device)"\ndone\n'
        )
        ids_by_address = {}
        for line in self.sh("sh -eu", text=script).stdout.splitlines():
            address, vendor, product = line.split()
            ids_by_address[address] = f"{vendor.removeprefix('0x')}:{product.removeprefix('0x')}"
        wrong = [
            f"{address} is {ids_by_address.get(address, 'missing')}, should be {ids}"
            for address, ids in topology.expected_addresses(self.devices).items()
            if ids_by_address.get(address) != ids
        ]
        if wrong:
            raise LabError("the emulated hardware is not where it should be: " + "; ".join(wrong))

    def _end(self) -> None:
        """Stop the emulator, if it runs: by its control socket, else by ever firmer signals to its own process id."""
        state = self.run.state()
        if self._ssh is not None:
            self._ssh.close()
        pid = state.pid if state else self._process.pid if self._process else None
        if pid is not None and self.run.owns(pid):
            with contextlib.suppress(OSError, LabError, ValueError):
                self.qmp("quit")
            for stop_signal in (None, signal.SIGTERM, signal.SIGKILL):
                if self.run.end(pid, stop_signal, 10):
                    break
        if self._process is not None:
            self._process.wait(10)
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
