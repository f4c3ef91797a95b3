"""Commands about files of one's own: `openeo-sar stac` makes a catalogue of them, `openeo-sar compare` compares two folders."""

# ruff: noqa: PLC0415  (a command imports what it needs: --help must not wait)

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from local_runner.terminal import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PATH: Final = click.Path(path_type=Path)


def _with(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of several options, in their order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_products = _with(
    click.option("--primary", metavar="DATE", help="Day of the stack primary.  [default: the earliest]"),
    click.option("--dem", metavar="RASTER|STAC", help="Heights: any raster, or a STAC document of rasters."),
    click.option(
        "--dem-datum", metavar="DATUM", help="What these heights are counted from: ellipsoid, EGM96 or EGM2008."
    ),
    click.option(
        "--dem-gaps",
        metavar="[error|sea]",
        help="Where no raster has heights: an error, or open sea, 0 m above what they are counted from.  [default: error]",
    ),
    click.option(
        "--allow-host",
        "allow_hosts",
        multiple=True,
        metavar="HOST",
        help="Host that rasters of the DEM may be read from.",
    ),
    click.option(
        "--orbit", "orbits", multiple=True, type=_PATH, metavar="EOF", help="Orbit file, or a folder of them."
    ),
    click.option("--for", "for_slc", type=_PATH, metavar="SLC", help="SLC on whose grid ETAD layers are offered."),
    click.option("--burst", "bursts", multiple=True, metavar="ID", help="Only this burst."),
    click.option("--swath", "swaths", multiple=True, metavar="NAME", help="Only this swath."),
    click.option("--polarization", "polarizations", multiple=True, metavar="NAME", help="Only this polarisation."),
    click.option("--date", metavar="DATE", help="Day of a product that does not tell its own."),
    click.option("--date-pattern", metavar="REGEX", help="Where the date stands in a file name: one group, YYYYMMDD."),
    click.option("--unpack", is_flag=True, help="Unpack the pixels of a zip into the catalogue."),
)
_materialised = _with(
    click.option("--materialise", is_flag=True, help="Write the bands as GeoTIFF as well, for a remote back-end."),
    click.option("--for-backend", is_flag=True, help="Write them in the STAC form that load_stac of a back-end reads."),
    click.option("--band", "bands", multiple=True, metavar="NAME", help="Only this band is written as GeoTIFF."),
)


@click.command("stac")
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="PATH...")
@click.option("--out", type=_PATH, help="Folder of the catalogue.")
@click.option("--overwrite", is_flag=True, help="Replace the catalogue that is there, once the new one is complete.")
@_products
@_materialised
def stac_(
    paths: tuple[Path, ...],
    *,
    out: Path | None,
    overwrite: bool,
    materialise: bool,
    for_backend: bool,
    bands: tuple[str, ...],
    **options: Any,
) -> None:
    """Make a STAC catalogue of the products at PATH, without copying a pixel.

    A product is a SAFE folder or zip, an HDF5 or netCDF file, or a folder of GeoTIFFs; `openeo-sar stac` recognises it.
    With --materialise and without --out, PATH is such a catalogue, whose bands are written as GeoTIFF.
    """
    if (bands or for_backend) and not materialise:
        raise click.UsageError("--band and --for-backend say what --materialise writes, which is missing.")
    if out is None and (not materialise or len(paths) != 1):
        raise click.UsageError("--out must be given; only --materialise of one existing catalogue does without.")
    if out is None:
        unused = [name for name, value in options.items() if value]
        if unused:
            raise click.UsageError(f"Options of products need --out: {', '.join(unused)}.")
        made = paths[0]
    else:
        made = _make(paths, out, {**options, "bands": bands}, overwrite=overwrite)
    if materialise:
        _materialise(made, bands, for_backend=for_backend, overwrite=overwrite)


@click.command("compare")
@click.argument("first", type=_PATH, metavar="A")
@click.argument("second", type=_PATH, metavar="B")
@click.option("--tolerance", type=float, default=0.0, show_default=True, help="Largest difference that is none.")
def compare_(first: Path, second: Path, *, tolerance: float) -> None:
    """Compare the rasters of two folders, or two rasters, band by band. Exit code 1 if they differ."""
    from local_runner.compare import compare, table

    found = compare(first, second, tolerance=tolerance)
    _print(table(found))
    if not found.same:
        raise click.exceptions.Exit(1)


def _make(paths: Sequence[Path], out: Path, options: dict[str, Any], *, overwrite: bool) -> Path:
    """Make a catalogue and print what is in it."""
    from local_runner.access import Access
    from local_runner.products import catalogue
    from local_runner.stac.describe import lines, next_commands
    from local_runner.stac.overview import overviews

    with progress("stac") as report:
        made = catalogue(paths, out=out, overwrite=overwrite, progress=report, **options)
    known = overviews(str(made), Access())
    for line in lines(known):
        click.echo(line)
    click.echo(f"catalogue: {made}")
    example = next((stack for stack in known if len(stack.days) > 1), None)
    for command in (shlex.join(["openeo-sar", "describe", str(out)]), *(next_commands(example)[:1] if example else ())):
        click.echo(f"next: {command}")
    return made


def _materialise(catalogue: Path, bands: Sequence[str], *, for_backend: bool, overwrite: bool) -> None:
    from local_runner.products import materialise

    with progress("materialise") as report:
        results = materialise(
            catalogue, bands=bands or None, for_backend=for_backend, overwrite=overwrite, progress=report
        )
    for result in results:
        click.echo(f"materialised: {result.folder}")


def _print(what: Any) -> None:
    from local_runner.terminal import console

    console().print(what)
