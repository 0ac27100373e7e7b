# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kvm.hostdev.plugins.filter.rank_hosts import FilterModule

rank = FilterModule().filters()["rank_hosts"]


def test_hosts_are_ranked_by_what_is_free_on_them():
    pools = {"kvm1": [{"product_id": "10ca", "count": 7}], "kvm2": [{"product_id": "10ca", "count": 2}], "kvm3": []}
    assert rank(pools, wanted=[{"product_id": "10ca"}], count="2") == ["kvm2", "kvm1"]


@pytest.mark.parametrize(
    ("pools", "options", "told"),
    [
        ([], {}, "found list, wanted the pools of each host"),
        ({"kvm1": None}, {}, "what is given for kvm1 are no pools: gather its facts first"),
        ({"kvm1": ["x"]}, {}, "what is given for kvm1 are no pools"),
        ({"kvm1": [{"vendor_id": "8086"}]}, {}, "KeyError: 'count'"),
        ({"kvm1": []}, {"count": "many"}, "ValueError"),
    ],
)
def test_what_is_no_input_is_an_error(pools, options, told):
    with pytest.raises(AnsibleFilterError, match=told):
        rank(pools, **options)
