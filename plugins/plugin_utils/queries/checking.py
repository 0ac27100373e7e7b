# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a query asks for what facts can have: JMESPath itself answers a misspelt field with null, or nothing at all.

What is walked is the tree that jmespath makes of an expression: nodes with `type`, `children` and mostly `value`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

from .errors import wrong
from .schema import FLAG, NUMBER, Kind, NotGathered, Shape

Node = t.Mapping[str, t.Any]

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# Functions that return what they are given: all of it, or one of its items.
_SAME = frozenset("fits free reverse sort sort_by sort_addresses to_array".split())
_ITEM = frozenset(("max_by", "min_by"))


class Checker:
    """Walks an expression along the shape of what it looks at.

    `functions` are the names of those that there are, `device` is the shape of a device.
    """

    def __init__(self, functions: t.Collection[str], device: Shape) -> None:
        self._functions = functions
        self._device = device

    def shape(self, node: Node, here: Shape) -> Shape:
        """The shape of a node's value, when it looks at a value of shape `here`.

        Raises HostdevError for a field or function that there is not, and for a comparison that is never true.
        """
        walk = getattr(self, f"_{node['type']}", None)
        if walk is not None:
            return walk(node, here)
        for child in node["children"]:
            if isinstance(child, t.Mapping):
                self.shape(child, here)
        return None

    def _current(self, _node: Node, here: Shape) -> Shape:
        return here

    _identity = _current

    def _field(self, node: Node, here: Shape) -> Shape:
        name = node["value"]
        if isinstance(here, list):
            raise wrong(
                f"{name} in the query", "found a list", "one thing that has fields", f"write [].{name} for each"
            )
        if isinstance(here, Kind):
            raise wrong(f"{name} in the query", "what stands before it has no fields", here.wanted)
        if not isinstance(here, dict):
            return None
        if name not in here:
            remedy = did_you_mean(name, list(here)) + _quotes(name, here)
            raise wrong(f"{name} in the query", "there is no such field", "a field that is there", remedy)
        if isinstance(here[name], NotGathered):
            raise wrong(f"{name} in the query", "it is not in these facts", name, here[name].remedy)
        return here[name]

    def _subexpression(self, node: Node, here: Shape) -> Shape:
        for child in node["children"]:
            here = self.shape(child, here)
        return here

    _index_expression = _pipe = _subexpression

    def _index(self, _node: Node, here: Shape) -> Shape:
        return here[0] if isinstance(here, list) else None

    def _slice(self, _node: Node, here: Shape) -> Shape:
        return here

    def _flatten(self, node: Node, here: Shape) -> Shape:
        inner = self.shape(node["children"][0], here)
        return inner[0] if isinstance(inner, list) and isinstance(inner[0], list) else inner

    def _projection(self, node: Node, here: Shape) -> Shape:
        items, each = node["children"][:2]
        item = self._item(self.shape(items, here))
        return [self.shape(each, item)]

    def _filter_projection(self, node: Node, here: Shape) -> Shape:
        items, each, condition = node["children"]
        item = self._item(self.shape(items, here))
        self.shape(condition, item)
        return [self.shape(each, item)]

    def _value_projection(self, node: Node, here: Shape) -> Shape:
        self.shape(node["children"][0], here)
        return None

    @staticmethod
    def _item(shape: Shape) -> Shape:
        if isinstance(shape, (dict, Kind)):
            found = (
                "a value" if isinstance(shape, Kind) else f"something with the fields {', '.join(sorted(shape)[:5])}"
            )
            raise wrong("[] in the query", f"found {found}", "a list", "name the list before it, such as devices[]")
        return shape[0] if isinstance(shape, list) else None

    def _multi_select_dict(self, node: Node, here: Shape) -> Shape:
        return {pair["value"]: self.shape(pair["children"][0], here) for pair in node["children"]}

    def _or_expression(self, node: Node, here: Shape) -> Shape:
        first, second = (self.shape(child, here) for child in node["children"])
        return first if first == second else None

    def _not_expression(self, node: Node, here: Shape) -> Shape:
        self.shape(node["children"][0], here)
        return FLAG

    def _comparator(self, node: Node, here: Shape) -> Shape:
        sides = node["children"]
        shapes = [self.shape(side, here) for side in sides]
        for side, shape, other in zip(sides, shapes, reversed(sides)):
            if isinstance(shape, Kind):
                _check_comparison(f"{side.get('value') or 'this'} {_SIGNS[node['value']]}", shape, other)
        return FLAG

    def _function_expression(self, node: Node, here: Shape) -> Shape:
        name, arguments = node["value"], node["children"]
        if name not in self._functions:
            remedy = did_you_mean(name, self._functions)
            raise wrong(f"{name}() in the query", "there is no such function", "a function that there is", remedy)
        shapes = [self.shape(child, here) for child in arguments if child["type"] != "expref"]
        first = shapes[0] if shapes else None
        item = first[0] if isinstance(first, list) else None
        of_items = [self.shape(child["children"][0], item) for child in arguments if child["type"] == "expref"]
        if name == "map":
            return of_items[:1] or None
        if name in ("length", "count"):
            return NUMBER
        if name in _SAME:
            return first if isinstance(first, list) else None
        if name == "device":
            return self._device
        return item if name in _ITEM else None


def _check_comparison(comparison: str, kind: Kind, other: Node) -> None:
    """Refuse one that is never true. `comparison` is its field and sign, `other` what stands on the other side."""
    subject = f"{comparison} in the query"
    if not kind.ordered and not comparison.endswith(("==", "!=")):
        remedy = "compare by ==, or with starts_with, ends_with or contains"
        raise wrong(subject, "that compares numbers alone", kind.wanted, remedy)
    literal = other.get("value") if other["type"] == "literal" else None
    if literal is not None and not kind.fits(literal):
        raise wrong(subject, f"found {literal!r}, which it never is", kind.wanted, kind.remedy(literal))


def _quotes(name: str, fields: t.Mapping[str, Shape]) -> str:
    """What in double quotes was meant as a text is a field to JMESPath; it has digits and signs that no field has."""
    meant = not name.replace("_", "").isalpha() and name not in fields
    return f", or '{name}' in single quotes if a text is meant" if meant else ""
