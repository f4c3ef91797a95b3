"""One call from products on disk to a catalogue: `local_runner.products.catalogue`."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from local_runner import products
from local_runner.errors import DataError, OpenEOError
from local_runner.products import _catalogue, _unknown
from local_runner.products._driver import ChoiceEmptyError, Options
from local_runner.products._options import OPTIONS, options_of, written
from local_runner.roots import remember
from local_runner.stac.metadata import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local_runner.products._driver import Stack

_LOG: Final = logging.getLogger(__name__)
_DEEPEST: Final = 3
"""Levels of folders below one that is named: `stack/<burst>/<date>/<file>` is how COMPASS leaves its results."""
_MOST_ENTRIES: Final = 10_000
_SPELLED: Final = {"bursts": "--burst", "swaths": "--swath", "polarizations": "--polarization", "for_slc": "--for"}
"""Options that are not called as their field, on the command line."""
_CHOICES: Final = frozenset(("bursts", "swaths", "polarizations"))


class _Asked(Options):
    """Options that note which of them a driver asks for: others have no effect on its products."""

    def __getattribute__(self, name: str) -> Any:
        if name in OPTIONS:
            object.__getattribute__(self, "__dict__").setdefault("_asked", set()).add(name)
        return super().__getattribute__(name)

    @property
    def asked(self) -> frozenset[str]:
        """Names of the fields that were asked for."""
        return frozenset(self.__dict__.get("_asked", ()))


def make(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    given: Mapping[str, Any],
    *,
    overwrite: bool,
    bands: Sequence[str],
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
    groups: dict[str, list[Path]] = {}
    for each in dict.fromkeys(product for path in named for product in _products(path)):
        groups.setdefault(products.recognise(each), []).append(each)
    _require_outside(folder, groups)
    sources = [path for members in groups.values() for path in members]
    identity = {"products": [str(path) for path in named], "options": written(given)}
    with _catalogue.writing(folder, sources=sources, identity=identity, overwrite=overwrite) as partial:
        stacks = _all_stacks(groups, replace(options, out=partial.resolve()), told)
        _require_bands(stacks, bands)
        told("write", 0, 1)
        _catalogue.fill(stacks, partial.resolve(), folder.resolve().name)
    made = folder / "collection.json"
    is_of_stacks = any(PRIMARY in stack.fields for stack in stacks)
    remember((root for stack in stacks for root in stack.roots), catalogue=made if is_of_stacks else None)
    told("write", 1, 1)
    return made


def _products(path: Path, depth: int = _DEEPEST) -> list[Path]:
    """The products that a path stands for: itself, or those in a folder that is none and in the folders therein."""
    own = products.candidates(path)
    if depth == _DEEPEST and not own:
        _unknown.require_no_stac(path)
    if not os.path.isdir(path) or any(not products.is_fallback(name) for name in own):  # noqa: PTH112
        return [path]
    inside = []
    for entry in _entries(path):
        known = products.candidates(entry)
        if any(not products.is_fallback(name) for name in known):
            inside.append(entry)
        elif depth > 1 and os.path.isdir(entry) and not os.path.islink(entry):  # noqa: PTH112, PTH114
            inside += [each for each in _products(entry, depth - 1) if each != entry]
    return inside or [path]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where it may not be looked into."""
    try:
        return sorted(folder.iterdir())[:_MOST_ENTRIES]
    except OSError:
        return []


def _require_outside(out: Path, groups: Mapping[str, Sequence[Path]]) -> None:
    """Raise `OutputFolderInvalid` for a catalogue in the folder of a product; one of plain rasters has room for others."""
    folder = out.resolve()
    held = [path for name, members in groups.items() if not products.is_fallback(name) for path in members]
    for path in held:
        if folder.is_relative_to(path):
            must = f"The output folder must not lie in the product {path}"
            raise OpenEOError("OutputFolderInvalid", must, got=str(out), do="Name a folder beside the product")


def _all_stacks(
    groups: Mapping[str, Sequence[Path]], options: Options, told: Callable[[str, int, int], None]
) -> list[Stack]:
    """Stacks of all drivers. Choices of bursts and the like are judged over all drivers that know them."""
    made: list[Stack] = []
    asked: dict[str, frozenset[str]] = {}
    without: dict[str, ChoiceEmptyError] = {}
    for done, (name, members) in enumerate(groups.items()):
        told("read metadata", done, len(groups))
        watched = _Asked(out=options.out, **{field: getattr(options, field) for field in OPTIONS})
        try:
            made += _stacks(name, members, watched)
        except ChoiceEmptyError as error:
            without[name] = error
        asked[name] = watched.asked
    _require_some(without, asked, options)
    _warn_of_no_effect(options, frozenset().union(*asked.values()))
    return made


def _stacks(name: str, paths: Sequence[Path], options: Options) -> list[Stack]:
    try:
        return products.drivers()[name].stacks(paths, options)
    except OSError as error:
        must = f"The files of the products must be readable ({error})"
        raise DataError(
            "DataCorrupt", must, got=[str(path) for path in paths], do="Copy or download them again"
        ) from error


def _require_some(
    without: Mapping[str, ChoiceEmptyError], asked: Mapping[str, frozenset[str]], options: Options
) -> None:
    """Raise where the choices leave nothing of any driver that knows them; warn of those of which nothing is left."""
    given = {field for field in _CHOICES if getattr(options, field)}
    choosing = {name for name, fields in asked.items() if fields & given}
    if not without:
        return
    if choosing <= set(without):
        first, *others = without.values()
        if not others:
            raise first
        musts = "; ".join(error.must for error in without.values())
        raise OpenEOError("ProcessParameterInvalid", musts, got=[v for f in sorted(given) for v in getattr(options, f)])
    for name, error in without.items():
        _LOG.warning("nothing of the products of %s is in the catalogue: %s", name, error.message)


def _warn_of_no_effect(options: Options, asked: frozenset[str]) -> None:
    usual = Options(out=options.out)
    for field in OPTIONS:
        if field not in asked and getattr(options, field) != getattr(usual, field):
            text = "%s has no effect: none of these products needs it"
            _LOG.warning(text, _SPELLED.get(field, f"--{field.removesuffix('s').replace('_', '-')}"))


def _require_bands(stacks: Sequence[Stack], bands: Sequence[str]) -> None:
    """Raise `ProcessParameterInvalid` for a band to be materialised that no collection offers."""
    assets = [asset for stack in stacks for item in stack.items for asset in item.assets.values()]
    offered = dict.fromkeys(band["name"] for asset in assets for band in asset.extra_fields.get("bands", ()))
    unknown = [name for name in bands if name not in offered]
    if unknown:
        must = f"Each of the bands must be one of {tuple(offered)}"
        raise OpenEOError("ProcessParameterInvalid", must, got=unknown)
