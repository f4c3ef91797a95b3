"""What the acquisitions of one catalogue must have in common, so that they are stacks."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from local_runner.errors import DataError, OpenEOError, Quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local_runner.products.sentinel1_slc.acquisitions import Acquisition


def require_shared(found: Sequence[Acquisition], grouped: Iterable[Sequence[Acquisition]]) -> None:
    """Raise `BurstsDiffer` where a pass has no burst in common with another one of its track.

    A pass with one burst alone, as the burst extractor makes them, must have it in common with any other: somebody who names
    such products means a stack.
    """
    passes: dict[tuple[str, int], list[Acquisition]] = {}
    for each in found:
        passes.setdefault((each.annotation.platform, each.annotation.absolute_orbit), []).append(each)
    stacks = [{id(each) for each in stack} for stack in grouped]
    for key, members in passes.items():
        track = members[0].annotation.relative_orbit
        compared = [
            other
            for name, others in passes.items()
            for other in others
            if name != key and (len(members) == 1 or other.annotation.relative_orbit == track)
        ]
        own, theirs = {id(each) for each in members}, {id(each) for each in compared}
        if compared and not any(stack & own and stack & theirs for stack in stacks):
            must = (
                f"Passes of one track must share bursts; {', '.join(_folders(members))} shares none with"
                f" {', '.join(_folders(compared))}"
            )
            do = "Make a catalogue of the products of each burst on its own"
            raise OpenEOError("BurstsDiffer", must, got=_summary(found), do=do)


def apart(paths: Iterable[Path]) -> Quoted:
    """Files of an error by what tells them apart, and the folder that they share."""
    several = [path.resolve() for path in paths]
    shared = Path(os.path.commonpath(several))
    return Quoted(" and ".join(str(path.relative_to(shared)) for path in several) + f" in {shared}")


def _folders(found: Iterable[Acquisition]) -> list[str]:
    return sorted({Path(folder).name for each in found for folder in each.folders})


def _summary(found: Sequence[Acquisition]) -> Quoted:
    """First and last burst of each product."""
    names: dict[str, list[str]] = {}
    for each in found:
        for folder in _folders([each]):
            names.setdefault(folder, []).append(each.name)
    spans = {folder: " to ".join(dict.fromkeys((min(own), max(own)))) for folder, own in names.items()}
    return Quoted("; ".join(f"{folder}: {span}" for folder, span in spans.items()))


def require_one_per_day(stack: Sequence[Acquisition]) -> None:
    """Raise `DatesNotUnique` where two acquisitions of a burst are of one UTC day."""
    for first, second in pairwise(stack):
        if first.day == second.day:
            must = f"A stack must have one acquisition of {first.name} per UTC day; {first.day} has two"
            got = apart(map(Path, (first.folders[0], second.folders[0])))
            raise DataError("DatesNotUnique", must, got=got, do="Name one of these products")


def require_same_polarizations(stack: Sequence[Acquisition]) -> None:
    """Raise `PolarizationsDiffer` unless all dates of a burst have the same ones."""
    first = stack[0]
    for other in stack[1:]:
        if set(other.images) != set(first.images):
            must = f"All dates of {first.name} must have the same polarisations"
            got = {", ".join(_folders([each])): sorted(each.images) for each in (first, other)}
            common = " ".join(sorted(set(first.images) & set(other.images)))
            do = f"Choose with --polarization {common}" if common else "Name products of one polarisation"
            raise OpenEOError("PolarizationsDiffer", must, got=got, do=do)
