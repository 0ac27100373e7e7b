# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NICs whose use lies elsewhere: in another network namespace, and at the tunnel that this very run comes through."""

from __future__ import annotations

import json
import shlex

from tests.lab import topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.scenarios import names
from tests.lab.scenarios.giving import assert_given, claiming, giving, refused
from tests.lab.state import HostState, read_state, reading, state_at

#: The VF below the host's end of the tunnel, and that of a client, whose namespace is another. The NIC switches
#: between them.
OURS, CLIENTS = topology.IGB_VFS[:2]

_NAMES = f"""{names.FUNCTIONS}
carrier() {{ grep -qs 1 /sys/class/net/$1/carrier; }}
pf=$(interface {topology.IGB_PF}) ours=$(interface {OURS}) inside="ip netns exec lab-client"
"""
_BUILD = f"""
clients=$(interface {CLIENTS})
ip link set $pf up
await carrier $pf
ip netns add lab-client
ip link set $clients netns lab-client
umask 077
wg genkey > /run/lab-ours
wg genkey > /run/lab-client
ip link add lab-wg type wireguard
wg set lab-wg listen-port 51820 private-key /run/lab-ours \
    peer $(wg pubkey < /run/lab-client) allowed-ips 10.9.0.2/32
$inside ip link add lab-wg type wireguard
$inside wg set lab-wg private-key /run/lab-client \
    peer $(wg pubkey < /run/lab-ours) allowed-ips 10.9.0.1/32 endpoint 192.0.2.1:51820
ip address add 192.0.2.1/24 dev $ours
ip address add 10.9.0.1/24 dev lab-wg
$inside ip address add 192.0.2.2/24 dev $clients
$inside ip address add 10.9.0.2/24 dev lab-wg
for link in $ours lab-wg; do ip link set $link up; done
for link in $clients lab-wg; do $inside ip link set $link up; done
await $inside busybox ping -c 1 -W 1 10.9.0.1
"""
# Each step whatever became of the others.
_TEAR_DOWN = """
ip link del lab-wg
ip address del 192.0.2.1/24 dev $ours
$inside ip link del lab-wg
ip -n lab-client link set $($inside ls /sys/class/net | grep -v '^lo$') netns 1
ip netns del lab-client
for link in $ours $pf; do ip link set $link down; done
rm /run/lab-ours /run/lab-client
udevadm settle
"""


def _through_the_tunnel(lab: Lab) -> str:
    """Return an inventory by which Ansible comes to the host as the client does: from the namespace, to the tunnel."""
    proxy = shlex.join(lab.ssh.command("ip netns exec lab-client busybox nc 10.9.0.1 22"))
    first = ["-F", "none", "-o", "ControlPath=none", "-o", "ControlMaster=no", "-o", f"ProxyCommand={proxy}"]
    arguments = shlex.join([*first, *lab.ssh.options()])
    return lab.inventory().replace(json.dumps(shlex.join(lab.ssh.options())), json.dumps(arguments))


def test_a_nic_in_another_namespace_and_one_below_the_tunnel_of_this_run_are_refused_and_given_once_free(
    lab: Lab, before: HostState
) -> None:
    try:
        lab.sh("bash -eu", text=_NAMES + _BUILD)
        busy = play(
            _through_the_tunnel(lab),
            tasks(claiming("ours", OURS, allow=["ip_configured"]), claiming("clients", CLIENTS)),
        )
    finally:
        left = lab.sh("bash -u", text=_NAMES + _TEAR_DOWN, check=False).stderr
    assert busy.code == 0, busy.output
    by_ssh, by_namespace = refused(busy, "ours"), refused(busy, "clients")
    assert set(by_ssh) == {OURS}
    assert set(by_ssh[OURS]) == {"ssh_nic"}, by_ssh
    assert "from 10.9.0.2 on lab-wg, through " in by_ssh[OURS]["ssh_nic"]
    assert {address: set(details) for address, details in by_namespace.items()} == {CLIENTS: {"other_netns"}}
    assert "is in network namespace /run/netns/lab-client" in by_namespace[CLIENTS]["other_netns"]

    free = play(lab.inventory(), tasks(reading("free"), *giving(OURS, CLIENTS)))
    assert free.code == 0, free.output + left
    assert state_at(free, "free") == before, left
    assert_given(free, OURS, CLIENTS)
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
