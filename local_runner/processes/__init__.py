"""The openEO processes: one module per category, one function per process.

A function's name is the process id (with `_` behind it where Python has the name already) and its parameters are those of
the specification; a keyword-only `execution` is filled in by the evaluator. Modules and functions are found, not listed. The
specification of a process of our own is the JSON of the collection with its id.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import xarray as xr
from pydantic import ConfigDict, TypeAdapter, ValidationError

from local_runner.errors import OpenEOError
from local_runner.processes._types import Takes
from local_runner.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_VALUE: Final = object()
_IN_WORDS: Final = {
    "an instance of DataArray": "a data cube",
    "an instance of Callback": "a process graph",
    "a valid list": "an array",
    "a valid tuple": "an array",
    "a valid dictionary": "an object",
    "a valid string": "a text",
    "a valid number": "a number",
    "a valid integer": "an integer",
    "a valid boolean": "a boolean",
    "True": "true",
}
"""What pydantic calls the types of openEO."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its argument check, default, and the names that it hands to a callback."""

    name: str
    adapter: TypeAdapter[Any]
    takes_cube: bool
    required: bool
    default: Any
    callback_parameters: tuple[str, ...] | None


@dataclass(frozen=True)
class Process:
    """A process of the executor. `calls`: processes of the collection that it evaluates."""

    id: str
    function: Callable[..., Any]
    parameters: Mapping[str, Parameter]
    takes_execution: bool
    calls: tuple[str, ...] = ()

    def check_names(self, given: typing.Iterable[str]) -> None:
        """Raise for an argument that the process does not have, or that it needs and does not get."""
        for error in self.name_errors(given):
            raise error

    def name_errors(self, given: typing.Iterable[str]) -> typing.Iterator[OpenEOError]:
        """One error for each argument that the process does not have, or that it needs and does not get."""
        names = set(given)
        for name in sorted(names - set(self.parameters)):
            must = f"An argument of {self.id} must be one of {tuple(self.parameters)}"
            do = did_you_mean(name, self.parameters)
            yield OpenEOError("ProcessParameterUnsupported", must, got=name, do=do)
        for name, parameter in self.parameters.items():
            if parameter.required and name not in names:
                yield OpenEOError("ProcessParameterRequired", f"{self.id} must be given the argument {name!r}")

    def defaults(self, given: typing.Container[str]) -> dict[str, Any]:
        """Defaults of the arguments that are not given."""
        return {name: p.default for name, p in self.parameters.items() if not p.required and name not in given}

    def check_value(self, name: str, value: Any) -> None:
        """Raise `ProcessParameterInvalid` unless the value is of the parameter's type; nothing is converted."""
        if isinstance(value, xr.DataArray):  # pydantic would ask a lazy cube for its value as a number
            if not self.parameters[name].takes_cube:
                must = f"The argument {name!r} of {self.id} must be no cube"
                raise OpenEOError("ProcessParameterInvalid", must, got=dict(value.sizes))
            return
        try:
            self.parameters[name].adapter.validate_python(_without_cubes(value))
        except ValidationError as error:
            reasons = list(dict.fromkeys(_in_words(e["msg"]) for e in error.errors()))
            if "a number" in reasons and "an integer" in reasons:
                reasons.remove("an integer")
            must = f"The argument {name!r} of {self.id} must be {' or '.join(reasons)}"
            raise OpenEOError("ProcessParameterInvalid", must, got=value) from None


@cache
def registry() -> Mapping[str, Process]:
    """All processes by id."""
    found = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                process = _process(name.rstrip("_"), function, getattr(module, "CALLS", ()))
                found[process.id] = process
    return types.MappingProxyType(found)


def _in_words(message: str) -> str:
    """What pydantic wants, in the words of openEO."""
    wanted = message.removeprefix("Input should be ")
    return _IN_WORDS.get(wanted, wanted)


def _without_cubes(value: Any) -> Any:
    """Lists and objects with something that is no number and no text in place of each cube."""
    match value:
        case xr.DataArray():
            return _NO_VALUE
        case list():
            return [_without_cubes(item) for item in value]
        case tuple():
            return tuple(_without_cubes(item) for item in value)
        case dict():
            return {key: _without_cubes(item) for key, item in value.items()}
        case _:
            return value


def _process(process_id: str, function: Callable[..., Any], calls: tuple[str, ...] = ()) -> Process:
    hints = typing.get_type_hints(function, include_extras=True)
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    parameters = {}
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        public = name.rstrip("_")
        required = parameter.default is parameter.empty
        parameters[public] = Parameter(
            public,
            TypeAdapter(hints[name], config=config),
            _takes_cube(hints[name]),
            required,
            None if required else parameter.default,
            _callback_parameters(hints[name]),
        )
    takes_execution = "execution" in signature.parameters
    return Process(process_id, function, types.MappingProxyType(parameters), takes_execution, calls)


def _takes_cube(hint: Any) -> bool:
    return hint in (Any, xr.DataArray) or any(_takes_cube(part) for part in typing.get_args(hint))


def _callback_parameters(hint: Any) -> tuple[str, ...] | None:
    for part in (hint, *typing.get_args(hint)):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, Takes):
                return extra.parameters
    return None
