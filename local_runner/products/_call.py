"""One call from products on disk to a catalogue: `local_runner.products.catalogue`."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from local_runner import products
from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.elevation import GAPS
from local_runner.geometry.geoid import DATUMS
from local_runner.products import _catalogue
from local_runner.products._driver import Options
from local_runner.roots import remember

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from local_runner.products._driver import Stack

_OPTIONS: Final = tuple(field.name for field in fields(Options) if field.name != "out")
_DEEPEST: Final = 3
"""Levels of folders below one that is named: `stack/<burst>/<date>/<file>` is how COMPASS leaves its results."""
_MOST_ENTRIES: Final = 10_000
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")


def make(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    given: Mapping[str, Any],
    *,
    overwrite: bool,
    report: Callable[[str, int, int], None] | None,
) -> Path:
    """Make the catalogue; see `local_runner.products.catalogue`."""
    folder = Path(out)
    options = options_of(folder, given)
    told = report or (lambda _stage, _done, _total: None)
    if not paths:
        must = "At least one product must be named"
        raise OpenEOError("ProcessParameterInvalid", must, got=(), do="Name a folder or file of a product")
    told("recognise", 0, len(paths))
    named = dict.fromkeys(Path(path).resolve() for path in paths)
    sources = dict.fromkeys(product for path in named for product in _products(path))
    groups: dict[str, list[Path]] = {}
    for path in sources:
        groups.setdefault(products.recognise(path), []).append(path)
    identity = {"products": [str(path) for path in named], "options": _written(given)}
    with _catalogue.writing(folder, sources=list(sources), identity=identity, overwrite=overwrite) as partial:
        inside = replace(options, out=partial.resolve())
        stacks = []
        for done, (name, members) in enumerate(groups.items()):
            told("read metadata", done, len(groups))
            stacks += _stacks(name, members, inside)
        told("write", 0, 1)
        _catalogue.fill(stacks, partial.resolve(), folder.resolve().name)
    remember(root for stack in stacks for root in stack.roots)
    told("write", 1, 1)
    return folder / "collection.json"


def _products(path: Path, depth: int = _DEEPEST) -> list[Path]:
    """The products that a path stands for: itself, or those in a folder that is none and in the folders therein."""
    own = products.candidates(path)
    if not path.is_dir() or any(not products.is_fallback(name) for name in own):
        return [path]
    inside = []
    for entry in sorted(path.iterdir())[:_MOST_ENTRIES]:
        known = products.candidates(entry)
        if any(not products.is_fallback(name) for name in known):
            inside.append(entry)
        elif depth > 1 and entry.is_dir() and not entry.is_symlink():
            inside += [each for each in _products(entry, depth - 1) if each != entry]
    return inside or [path]


def _stacks(name: str, paths: Sequence[Path], options: Options) -> list[Stack]:
    try:
        return products.drivers()[name].stacks(paths, options)
    except OSError as error:
        must = f"The files of the products must be readable ({error})"
        raise DataError(
            "DataCorrupt", must, got=[str(path) for path in paths], do="Copy or download them again"
        ) from error


def options_of(out: Path, given: Mapping[str, Any]) -> Options:
    """Options for the drivers, checked as far as this needs no product. Raises `ProcessParameterInvalid`."""
    unknown = sorted(set(given) - set(_OPTIONS))
    if unknown:
        raise OpenEOError("ProcessParameterInvalid", f"The options must be of {_OPTIONS}", got=unknown)
    known = {name: value for name, value in given.items() if value is not None}
    options = Options(out=out, **{name: _READ[name](value) for name, value in known.items()})
    about = [name for name in ("dem_datum", "dem_gaps") if name in known]
    if about and options.dem is None:
        must = "--dem must name the DEM that --dem-datum and --dem-gaps tell about"
        raise OpenEOError("ProcessParameterInvalid", must, got="no --dem", do="Name it, or leave them out")
    return options


def _day(option: str) -> Callable[[Any], str]:
    def read(text: Any) -> str:
        try:
            return utc_day(str(text)) if _DAY.fullmatch(str(text)) else _not_a_day(option, text)
        except ValueError:
            return _not_a_day(option, text)

    return read


def _not_a_day(option: str, text: Any) -> NoReturn:
    must = f"{option} must be a date as YYYY-MM-DD or YYYYMMDD"
    raise OpenEOError("ProcessParameterInvalid", must, got=text) from None


def _one_of(option: str, choices: Sequence[str]) -> Callable[[Any], str]:
    def read(text: Any) -> str:
        if text not in choices:
            raise OpenEOError("ProcessParameterInvalid", f"{option} must be one of {tuple(choices)}", got=text)
        return str(text)

    return read


def _existing(option: str, path: Any) -> Path:
    if not Path(path).exists():
        must = f"The path of {option} must exist"
        raise DataError("FileNotFound", must, got=str(path), do="Check the path")
    return Path(path).resolve()


def _orbit_files(paths: Sequence[Any]) -> tuple[Path, ...]:
    """Orbit files; a folder stands for all that it holds."""
    found: list[Path] = []
    for path in (_existing("--orbit", each) for each in paths):
        inside = sorted(path.rglob("*.EOF")) if path.is_dir() else [path]
        if not inside:
            must = "A folder of orbit files must hold files that end with .EOF"
            raise DataError("FileNotFound", must, got=str(path), do="Check the path")
        found += inside
    return tuple(dict.fromkeys(found))


def _pattern(text: Any) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise OpenEOError(
            "ProcessParameterInvalid", f"--date-pattern must be a regular expression ({error})", got=text
        ) from None
    if groups != 1:
        must = "--date-pattern must have one group, the date YYYYMMDD in a file name"
        raise OpenEOError("ProcessParameterInvalid", must, got=text, do=r"Write e.g. 'amp_(\d{8})\.tif'")
    return str(text)


def _written(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the record holds them."""
    texts = {
        name: [str(each) for each in value] if isinstance(value, list | tuple) else value
        for name, value in given.items()
        if value not in (None, (), [], False)
    }
    return {name: value if isinstance(value, list | str | bool) else str(value) for name, value in texts.items()}


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _upper(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value).upper() for value in values)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "primary": _day("--primary"),
    "dem": str,
    "dem_datum": _one_of("--dem-datum", DATUMS),
    "dem_gaps": _one_of("--dem-gaps", GAPS),
    "orbits": _orbit_files,
    "for_slc": lambda path: _existing("--for", path),
    "bursts": _texts,
    "swaths": _upper,
    "polarizations": _upper,
    "date": _day("--date"),
    "date_pattern": _pattern,
    "unpack": bool,
}
"""How the value of each option is checked and read."""
