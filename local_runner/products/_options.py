"""What `openeo-sar stac` was told beside the paths, checked as far as this needs no product."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from local_runner.access import is_remote
from local_runner.cube import utc_day
from local_runner.errors import DataError, OpenEOError
from local_runner.geometry.elevation import GAPS
from local_runner.geometry.geoid import DATUMS
from local_runner.products._driver import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OPTIONS: Final = tuple(field.name for field in fields(Options) if field.name != "out")
_ORBITS: Final = (".eof", ".eof.gz", ".eof.zip")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")


def options_of(out: Path, given: Mapping[str, Any]) -> Options:
    """Options for the drivers, checked as far as this needs no product. Raises `ProcessParameterInvalid`."""
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise OpenEOError("ProcessParameterInvalid", f"The options must be of {OPTIONS}", got=unknown)
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
        meant = {choice.lower(): choice for choice in choices}.get(str(text).lower())
        if meant is None:
            raise OpenEOError("ProcessParameterInvalid", f"{option} must be one of {tuple(choices)}", got=text)
        return meant

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
        inside = sorted(p for p in path.rglob("*") if p.name.lower().endswith(_ORBITS)) if path.is_dir() else [path]
        if not inside:
            must = "A folder of orbit files must hold files that end with .EOF, .EOF.gz or .EOF.zip"
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


def written(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options as the record holds them."""
    texts = {
        name: [str(each) for each in value] if isinstance(value, list | tuple) else value
        for name, value in given.items()
        if value not in (None, (), [], False)
    }
    told = {name: value if isinstance(value, list | str | bool) else str(value) for name, value in texts.items()}
    return told | ({"dem": _absolute(str(told["dem"]))} if "dem" in told else {})


def _absolute(address: str) -> str:
    """Path of a DEM as it can be found again from another folder; an address stays what it is."""
    return address if is_remote(address) or "://" in address else str(Path(address).absolute())


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _upper(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value).upper() for value in values)


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "primary": _day("--primary"),
    "dem": str,
    "dem_datum": _one_of("--dem-datum", DATUMS),
    "dem_gaps": _one_of("--dem-gaps", GAPS),
    "allow_hosts": _texts,
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
