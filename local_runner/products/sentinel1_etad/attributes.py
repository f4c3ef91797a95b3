"""Attributes of a netCDF group by type. What one lacks is told with the file, the group and the name of the attribute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from local_runner.cube import to_time
from local_runner.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Attributes:
    """Attributes of a group of a file, as h5py reads them; the path of the root group is empty."""

    file: Path
    group: str
    values: Mapping[str, Any]

    def has(self, *names: str) -> bool:
        """Whether the group has all of these attributes."""
        return all(name in self.values for name in names)

    def number(self, name: str, *, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number from `low` to `high`."""
        value = self._one(name)
        if not isinstance(value, np.number | int | float) or not math.isfinite(value):
            self.refuse(name, "be a finite number", value)
        if not low <= value <= high:
            self.refuse(name, f"be a number from {low:g} to {high:g}", float(value))
        return float(value)

    def integer(self, name: str) -> int:
        """A whole number, not negative."""
        value = self.number(name, low=0)
        if value != int(value):
            self.refuse(name, "be a whole number", value)
        return int(value)

    def text(self, name: str) -> str:
        """A text, not empty."""
        value = self._one(name)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if not isinstance(value, str) or not value.strip("\0 "):
            self.refuse(name, "be a text", value)
        return value.strip("\0 ")

    def time(self, name: str) -> np.datetime64:
        """A time in UTC, datetime64[us]; digits after the microsecond are left out."""
        text = self.text(name)
        try:
            time: np.datetime64 = to_time(text).astype("datetime64[us]")
        except ValueError:
            self.refuse(name, "be a time like 2019-12-16T19:45:20.475893", text)
        return time

    def refuse(self, name: str, must: str, got: Any) -> NoReturn:
        """Raise `DataCorrupt` for an attribute; `must` ends a sentence that begins with its name, the group and the file."""
        where = f"attribute {name!r} of group {self.group or '/'} in {self.file}"
        raise DataError("DataCorrupt", f"{where} must {must}", got=got, do="Download the product again")

    def _one(self, name: str) -> Any:
        if name not in self.values:
            self.refuse(name, "be there", sorted(self.values))
        found = np.ravel(self.values[name])
        if found.size != 1:
            self.refuse(name, "be one value", found.tolist())
        return found[0]
