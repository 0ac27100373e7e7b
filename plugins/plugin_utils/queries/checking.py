# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a query asks for what facts can have: JMESPath itself answers a misspelt field with null, or nothing at all.

What is walked is the tree that jmespath makes of an expression: nodes with `type`, `children` and mostly `value`.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import (
    did_you_mean,
    nearest_first,
)

from .errors import wrong
from .facts import OUTER
from .fitting import read_some_specs
from .kinds import FLAG, NUMBER, TEXT, Kind, words
from .schema import OPEN, Shape
from .shapes import NotGathered, merged

Node = t.Mapping[str, t.Any]

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# Functions that return what they are given: all of it, or one of its items.
_SAME = frozenset("reverse sort sort_by sort_addresses".split())
_ITEM = frozenset("max max_by min min_by".split())
_CHOOSE = frozenset(("fits", "free"))
# What is a field to JMESPath without backticks, also as Python and Jinja write it.
_LITERALS = {"true": "true", "false": "false", "null": "null", "none": "null"}
_PARTS = frozenset(("contains", "ends_with", "starts_with"))
_RESULTS: dict[str, Shape] = {
    **dict.fromkeys("abs avg ceil count floor length sum to_number".split(), NUMBER),
    **dict.fromkeys(_PARTS, FLAG),
    **dict.fromkeys(("join", "to_string"), TEXT),
    "keys": [TEXT],
    "type": words("string", "number", "array", "object", "boolean", "null"),
}


class Checker:
    """Walks an expression along the shape of what it looks at.

    `functions` are those that there are, as jmespath's table has them, `device` is the shape of a device, `values` are
    what `var` gives by name. What is wrong with an expression is said of it as it stands: on a host where nothing is
    free the second half of `free(@) && ...` is never looked at.
    """

    def __init__(
        self, functions: t.Mapping[str, t.Mapping[str, t.Any]], device: Shape, values: t.Mapping[str, t.Any]
    ) -> None:
        self._functions = functions
        self._device = device
        self._values = values

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
        return OPEN

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
            return OPEN
        if name not in here:
            remedy = _meant(name, list(here))
            raise wrong(f"{name} in the query", "there is no such field", "a field that is there", remedy)
        if isinstance(here[name], NotGathered):
            raise wrong(f"{name} in the query", "it is not in these facts", name, here[name].remedy)
        return here[name]

    def _subexpression(self, node: Node, here: Shape) -> Shape:
        for child in node["children"]:
            here = self.shape(child, here)
        return here

    _index_expression = _pipe = _subexpression

    def _index(self, node: Node, here: Shape) -> Shape:
        return _item(here, f"[{node['value']}]")

    def _slice(self, _node: Node, here: Shape) -> Shape:
        _item(here, "[:]")
        return here

    def _flatten(self, node: Node, here: Shape) -> Shape:
        inner = self.shape(node["children"][0], here)
        _item(inner)
        return inner[0] if isinstance(inner, list) and isinstance(inner[0], list) else inner

    def _projection(self, node: Node, here: Shape) -> Shape:
        items, each = node["children"][:2]
        item = _item(self.shape(items, here))
        return [self.shape(each, item)]

    def _filter_projection(self, node: Node, here: Shape) -> Shape:
        items, each, condition = node["children"]
        item = _item(self.shape(items, here))
        self.shape(condition, item)
        return [self.shape(each, item)]

    def _value_projection(self, node: Node, here: Shape) -> Shape:
        if isinstance(self.shape(node["children"][0], here), (list, Kind)):
            raise wrong(
                "* in the query", "what stands before it has no fields", "fields", "write [] for each of a list"
            )
        return OPEN

    def _multi_select_dict(self, node: Node, here: Shape) -> Shape:
        return {pair["value"]: self.shape(pair["children"][0], here) for pair in node["children"]}

    def _or_expression(self, node: Node, here: Shape) -> Shape:
        first, second = (self.shape(child, here) for child in node["children"])
        return merged(first, second)

    def _and_expression(self, node: Node, here: Shape) -> Shape:
        _first, second = (self.shape(child, here) for child in node["children"])
        return second  # or what is false of the first, which has no fields

    def _not_expression(self, node: Node, here: Shape) -> Shape:
        self.shape(node["children"][0], here)
        return FLAG

    def _comparator(self, node: Node, here: Shape) -> Shape:
        sides = node["children"]
        shapes = [self.shape(side, here) for side in sides]
        for side, shape, other in zip(sides, shapes, reversed(sides)):
            _check_comparison(f"{_named(side)} {_SIGNS[node['value']]}", shape, self._told_by(other))
        return FLAG

    def _function_expression(self, node: Node, here: Shape) -> Shape:
        name, arguments = node["value"], node["children"]
        if name not in self._functions:
            remedy = did_you_mean(name, self._functions)
            raise wrong(f"{name}() in the query", "there is no such function", "a function that there is", remedy)
        self._check_number(name, len(arguments))
        shapes = [self.shape(child, here) for child in arguments if child["type"] != "expref"]
        self._check_told(name, shapes, arguments)
        first = shapes[0] if shapes else OPEN
        item = first[0] if isinstance(first, list) else OPEN
        of_items = [self.shape(child["children"][0], item) for child in arguments if child["type"] == "expref"]
        if name == "map":
            return of_items[:1] or OPEN
        if name == "device":
            return self._device
        if name == "not_null":
            return functools.reduce(merged, shapes)
        if name == "to_array":
            return first if isinstance(first, list) else [first]
        if name in _CHOOSE and isinstance(first, dict):
            return FLAG
        if name in _SAME or name in _CHOOSE:
            return first if isinstance(first, list) else OPEN
        return item if name in _ITEM else _RESULTS.get(name, OPEN)

    def _check_number(self, name: str, given: int) -> None:
        """Refuse a call with more or fewer arguments than the function takes."""
        signature = self._functions[name]["signature"]
        least = len(signature)
        if given < least or (given > least and not (signature and signature[-1].get("variadic"))):
            raise wrong(f"{name}() in the query", f"found {given} arguments", f"{least}")

    def _check_told(self, name: str, shapes: t.Sequence[Shape], arguments: t.Sequence[Node]) -> None:
        """Refuse a spec that is none, and to look for what is never there."""
        if len(arguments) != 2:
            return
        first, second = (self._told_by(argument) for argument in arguments)
        if name == "fits" and second is not None:
            read_some_specs(second)
        elif name in _PARTS and second is not None:
            _check_part(name, shapes[0], second)
        elif name == "contains" and isinstance(first, list):
            for value in first:
                if value is not None:
                    _check_value("contains() in the query", shapes[1], value)

    def _told_by(self, node: Node) -> t.Any:
        """The value that a node has whatever it looks at, None for one that depends on that."""
        if node["type"] == "literal":
            return node["value"]
        if node["type"] == "function_expression" and node["value"] == "var" and node["children"]:
            name = self._told_by(node["children"][0])
            return self._values.get(name) if isinstance(name, str) else None
        return None


def _item(shape: Shape, sign: str = "[]") -> Shape:
    """The shape of an item of a list. Raises HostdevError for what is none, of which JMESPath takes nothing."""
    if isinstance(shape, (dict, Kind)):
        found = "a value" if isinstance(shape, Kind) else f"something with the fields {', '.join(sorted(shape)[:5])}"
        raise wrong(f"{sign} in the query", f"found {found}", "a list", "name the list before it, such as devices[]")
    return shape[0] if isinstance(shape, list) else OPEN


def _named(node: Node) -> str:
    """What an expression is called: the last field in it."""
    last = node["children"][-1] if node["type"] == "subexpression" else node
    return str(last.get("value") or "this")


def _check_comparison(comparison: str, shape: Shape, literal: t.Any) -> None:
    """Refuse one that is never true. `comparison` is a field and a sign, `literal` what stands on the other side."""
    subject = f"{comparison} in the query"
    if isinstance(shape, Kind) and not shape.ordered and not comparison.endswith(("==", "!=")):
        remedy = "compare by ==, or with starts_with, ends_with or contains"
        raise wrong(subject, "that compares numbers alone", shape.wanted, remedy)
    if literal is not None:
        _check_value(subject, shape, literal)


def _check_part(function: str, shape: Shape, part: t.Any) -> None:
    """Refuse to look for what is never in a text, or in a list, of this shape."""
    subject = f"{function}() in the query"
    if isinstance(shape, list) and function == "contains":
        _check_value(subject, shape[0], part)
    elif not isinstance(shape, Kind):
        _check_value(subject, shape, part)
    elif not shape.has(function, part):
        raise wrong(subject, f"found {part!r}, which it never does", shape.wanted, shape.remedy(part, function))


def _check_value(subject: str, shape: Shape, literal: t.Any) -> None:
    """Refuse a value that nothing of this shape ever has."""
    found = f"found {literal!r}, which it never is"
    if isinstance(shape, Kind) and not shape.fits(literal):
        raise wrong(subject, found, shape.wanted, shape.remedy(literal))
    if isinstance(shape, dict) and not isinstance(literal, dict):
        raise wrong(subject, found, "one of its fields", f"put a point and {few(list(shape))} behind it")
    if isinstance(shape, list) and not isinstance(literal, list):
        remedy = "write contains(LIST, VALUE), or LIST[?FIELD == VALUE]"
        raise wrong(subject, f"{found}: it is a list", "something that is in it", remedy)


def _meant(name: str, fields: t.Sequence[str]) -> str:
    """What is meant by a field that there is not.

    What in double quotes was meant as a text is a field to JMESPath, and so are words without quotes.
    """
    if name.lower() in _LITERALS:
        return f"write `{_LITERALS[name.lower()]}` in backticks"
    if name in OUTER and "devices" in fields:
        return f"leave {name} out: an expression begins with devices, claims or another part of the facts"
    quoted = f"'{name}' in single quotes if a text is meant"
    if not name.replace("_", "").isalpha():
        return f"{did_you_mean(name, fields)}, or {quoted}"
    return did_you_mean(name, fields, f"use one of {few(nearest_first(name, fields))}, or {quoted}")
