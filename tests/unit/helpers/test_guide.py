# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as printed of what a guide shows."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.guide import missing

TASK, DONE = "TASK [Claim] ***", "kvm1 : ok=1"
ONE, OTHER, AGAIN = "changed: [kvm1] => (item=a)", "ok: [kvm2] => (item=none)", "ok: [kvm1] => (item=b)"


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param([TASK, ONE, OTHER, AGAIN, DONE], id="as it is shown"),
        pytest.param([TASK, OTHER, ONE, AGAIN, DONE], id="another host first"),
        pytest.param([TASK, ONE, AGAIN, OTHER, DONE], id="another host last"),
        pytest.param(["PLAY", "TASK [Claim] *****", ONE, "", OTHER, "ok: [kvm3]", AGAIN, DONE], id="lines between"),
    ],
)
def test_printed(printed):
    assert missing(printed, [TASK, ONE, "...", OTHER, AGAIN, "", DONE]) == []


@pytest.mark.parametrize(
    ("printed", "lacking"),
    [
        pytest.param([TASK, ONE, AGAIN, DONE], [OTHER], id="a host less"),
        pytest.param([TASK, AGAIN, OTHER, ONE, DONE], [AGAIN], id="the lines of one host the other way round"),
        pytest.param([ONE, TASK, OTHER, AGAIN, DONE], [ONE], id="before its task"),
        pytest.param([TASK, ONE, DONE, OTHER, AGAIN], [DONE], id="after what follows"),
        pytest.param([TASK, ONE, OTHER, AGAIN.replace("b", "c"), DONE], [AGAIN], id="another word"),
    ],
)
def test_not_printed(printed, lacking):
    assert missing(printed, [TASK, ONE, OTHER, AGAIN, DONE]) == lacking
