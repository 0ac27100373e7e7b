# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath over facts, with functions of the domain. Only here the library is needed, on the controller alone."""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import PciAddress, address_order
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

from .checking import Checker
from .errors import wrong
from .facts import Device, Facts, is_function, kind_of
from .fitting import Functions, read_some_specs
from .holding import claimable
from .shapes import shape_of

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import DeviceSpec

_SIGNS = {"=": "==", "and": "&&", "or": "||"}
"""What other languages write, and how JMESPath does."""

_Function = t.TypeVar("_Function", bound=t.Callable[..., t.Any])


def search(facts: Facts, expression: str, values: t.Mapping[str, t.Any]) -> t.Any:
    """What the expression gives, of the facts or of the list of devices; `values` are what `var` gives by name.

    Raises HostdevError: the library is missing, the expression can't be read, or asks for what facts do not have.
    """
    try:
        import jmespath
        from jmespath.exceptions import JMESPathError, JMESPathTypeError
        from jmespath.functions import Functions as Standard
    except ImportError as error:
        remedy = "install it there, with `pip install jmespath` or the distribution's python3-jmespath"
        raise wrong(
            "the Python library jmespath", f"the controller's {sys.executable} lacks it", "jmespath", remedy
        ) from error

    class _All(_Domain, Standard):  # type: ignore[misc]
        pass

    language = _All(facts, values)
    try:
        compiled = jmespath.compile(expression)
        shape = shape_of(facts)
        devices = shape["devices"] if facts.whole else shape
        device = devices[0] if isinstance(devices, list) else None
        Checker(language.FUNCTION_TABLE, device, values).shape(compiled.parsed, shape)
        data = facts.parts if facts.whole else facts.devices
        return compiled.search(data, options=jmespath.Options(custom_functions=language))
    except JMESPathTypeError as error:
        raise _of_another_type(error.function_name, error.current_value, error.expected_types) from None
    except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        line = " ".join(str(error).split("\n", maxsplit=1)[0].split())
        found = line.removesuffix(":").removesuffix(", for expression")
        wanted = f"JMESPath that can be evaluated, not {expression[:200]!r}"
        raise wrong("the query", found, wanted, _written(error)) from None


def _written(error: Exception) -> str:
    """What is to be written in place of what JMESPath can't read, by the token that it stopped at."""
    token = str(getattr(error, "token_value", ""))
    if getattr(error, "token_type", "") == "NUMBER":
        return f"write a number in backticks (`{token}`), and ids and other texts in single quotes"
    if token in _SIGNS:
        return f"write {_SIGNS[token]} in place of {token}"
    return "see https://jmespath.org/specification.html"


def _of_another_type(function: str, value: t.Any, expected: t.Sequence[str]) -> HostdevError:
    """A function got what it does not take, which for JMESPath is an error only once it is looked at."""
    remedy = ""
    if value is None:
        remedy = f"ask first whether it is there, as in devices[?driver && {function}(driver, ...)], or use not_null()"
    return wrong(f"{function}() in the query", f"found {kind_of(value)}", " or ".join(expected), remedy)


def _takes(*types: str) -> t.Callable[[_Function], _Function]:
    """What jmespath's own decorator does: note the types that a function takes, each some with spaces between them."""

    def noted(function: _Function) -> _Function:
        function.signature = tuple({"types": allowed.split()} for allowed in types)  # type: ignore[attr-defined]
        return function

    return noted


class _Domain:
    """Functions for queries over facts. jmespath finds them by their names."""

    def __init__(self, facts: Facts, values: t.Mapping[str, t.Any]) -> None:
        self._facts = facts
        self._values = values
        self._specs: dict[str, tuple[DeviceSpec, ...]] = {}

    @functools.cached_property
    def _functions(self) -> Functions:
        return Functions(self._facts)

    @_takes("array object", "string object array")
    def _func_fits(self, devices: t.Any, specs: t.Any) -> t.Any:
        """Whether a device fits one of the specs; of a list those that do."""
        key = json.dumps(specs)
        if key not in self._specs:
            self._specs[key] = self._functions.resolved(read_some_specs(specs))
        return _chosen(devices, lambda device: self._functions.fits(self._known(device), self._specs[key]))

    @_takes("array object")
    def _func_free(self, devices: t.Any) -> t.Any:
        """Whether a device could be claimed; of a list those that could."""
        return _chosen(devices, claimable)

    @_takes("array")
    def _func_sort_addresses(self, items: list[t.Any]) -> list[t.Any]:
        """Addresses, or devices by theirs, in the order of the numbers in them."""
        return sorted(items, key=_order)

    @_takes("string")
    def _func_device(self, which: str) -> Device:
        """The device with this name, or address in any spelling."""
        address = ""
        with contextlib.suppress(ValueError):
            address = str(PciAddress.parse(which))
        for device in self._facts.devices:
            if device.get("name") == which or (is_function(device) and device["address"] == address):
                return device
        for device in self._facts.devices:
            if is_function(device) and any(child.get("name") == which for child in device.get("children") or ()):
                found, remedy = f"{which!r} is no device, but what one carries", f"write device('{device['address']}')"
                raise wrong("device() in the query", found, "a device by its address or name", remedy)
        known = [device[key] for key in ("address", "name") for device in self._facts.devices if device.get(key)]
        remedy = did_you_mean(which, known)
        raise wrong("device() in the query", f"no device is {which!r}", "a device of these facts", remedy)

    @_takes("string")
    def _func_var(self, name: str) -> t.Any:
        """The value that the filter was given by this name."""
        if name not in self._values:
            remedy = did_you_mean(name, list(self._values)) if self._values else f"give {name}=VALUE to the filter"
            raise wrong("var() in the query", f"found {name!r}", "the name of a value that the filter is given", remedy)
        return self._values[name]

    def _known(self, device: Device) -> str:
        address = str(device.get("address"))
        if address not in self._functions.facts:
            wanted = "devices with their address"
            raise wrong(
                "fits() in the query", f"found something with {', '.join(device)[:60]}", wanted, "give it devices[]"
            )
        return address


def _chosen(devices: t.Any, fits: t.Callable[[Device], bool]) -> t.Any:
    """Of one device whether it does, of a list those that do. Devices that are no PCI functions never do."""
    if isinstance(devices, dict):
        return _is_device(devices) and is_function(devices) and fits(devices)
    return [device for device in devices if _is_device(device) and is_function(device) and fits(device)]


def _is_device(device: t.Any) -> bool:
    if not isinstance(device, dict) or "capability" not in device:
        raise wrong("the query", "found something else in place of a device", "devices as the facts have them")
    return True


def _order(item: t.Any) -> tuple[int, str]:
    address = item.get("address") if isinstance(item, dict) else item
    try:
        return address_order(str(PciAddress.parse(address)))
    except ValueError as error:
        raise wrong("sort_addresses() in the query", f"found {address!r}", "addresses, or devices with one") from error
