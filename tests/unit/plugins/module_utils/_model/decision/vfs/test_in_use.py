# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a PF that the host's own network needs may be restarted."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.in_use import (
    NEEDS_CARRIER,
    check_pf_may_restart,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse

PF = types.SimpleNamespace(address="0000:01:00.0")


def restart(*codes, allow=()):
    uses = {PF.address: [HostUse(code, PF.address, "eth0") for code in codes]}
    check_pf_may_restart(types.SimpleNamespace(inventory=types.SimpleNamespace(host_uses=uses)), PF, allow)


@pytest.mark.parametrize("code", NEEDS_CARRIER)
def test_each_use_that_the_option_names_can_be_accepted(code):
    """The interface of this very run too, which a claim may never take: after a restart it is there again."""
    with pytest.raises(HostdevError) as caught:
        restart(code)
    assert caught.value.code == "pf_in_use"
    assert caught.value.remedy.endswith(f"accept that with allow: [{code}]")
    restart(code, allow=[code])


def test_what_is_not_accepted_of_several_is_named():
    with pytest.raises(HostdevError) as caught:
        restart("ssh_nic", "default_route", "ip_configured", allow=["ssh_nic"])
    assert caught.value.found == "default_route: eth0"
