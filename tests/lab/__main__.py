# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: python3 -m tests.lab COMMAND."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from . import emulator, image, loaders, runs, say
from .machine import Lab
from .say import LabError
from .self_booting import SelfBooting
from .suites import SUITES, USUAL


def main() -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab", description="An emulated PCI passthrough host.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="build what is missing and boot; the lab runs until 'down'")
    build = commands.add_parser("image", help="only build the emulator and the image")
    for command in (up, build):
        command.add_argument("--suite", choices=SUITES, default=USUAL, help="release of the lab host")
        command.add_argument("--loader", choices=sorted(loaders.PACKAGES), help="boot by itself, through this loader")
    down = commands.add_parser("down", help="stop the lab")
    commands.add_parser("status", help="list the labs of this user")
    shell = commands.add_parser("shell", help="a root shell on the lab host, or one command")
    console = commands.add_parser("console", help="show the end of the lab host's console")
    inventory = commands.add_parser("inventory", help="print an Ansible inventory")
    for command in (up, down, shell, console, inventory):
        command.add_argument("--name", default="lab", help="which lab, when several run (default: %(default)s)")
    console.add_argument("--lines", type=int, default=60)
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD", help="the command, after the options")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "up":
            how = {"suite": arguments.suite, "detached": True}
            lab = (
                SelfBooting(arguments.loader, arguments.name, **how) if arguments.loader else Lab(arguments.name, **how)
            )
            lab.start()
            say.line(f"ready: python3 -m tests.lab shell --name {arguments.name}")
        case "image":
            print(image.ensure(arguments.suite, emulator.ensure(), arguments.loader).folder)
        case "down":
            Lab(arguments.name).stop()
        case "status":
            for name in runs.names():
                state = runs.Run(name).state()
                print(f"{name}: {f'{state.suite}, process {state.pid}, port {state.port}' if state else 'not running'}")
        case "shell":
            words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
            line = [words[0] if len(words) == 1 else shlex.join(words)] if words else []
            command = Lab.attach(arguments.name).ssh.command(*line, terminal=not words and sys.stdin.isatty())
            os.execv(command[0], command)
        case "console":
            print(emulator.tail(runs.Run(arguments.name).console, arguments.lines))
        case "inventory":
            print(Lab.attach(arguments.name).inventory(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
