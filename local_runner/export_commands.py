"""Commands that write results for other programs: `openeo-sar export mintpy`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from local_runner.terminal import progress

_PATH = click.Path(path_type=Path)


@click.group("export")
def export_() -> None:
    """Write results in the form of other programs."""


@export_.command("mintpy")
@click.argument("results", nargs=-1, required=True, type=_PATH, metavar="RESULT...")
@click.option("--out", type=_PATH, required=True, help="Folder to write.")
@click.option(
    "--layout",
    "layouts",
    multiple=True,
    type=click.Choice(("hdf5", "roipac")),
    default=("hdf5", "roipac"),
    show_default=True,
    help="MintPy's own HDF5, or flat binaries with .rsc.",
)
@click.option("--overwrite", is_flag=True, help="Replace the export that is there, once the new one is complete.")
def mintpy_(results: tuple[Path, ...], *, out: Path, layouts: tuple[str, ...], overwrite: bool) -> None:
    """Write the interferograms in the folders RESULT for MintPy: one stack, with coherence, components and geometry.

    They need unwrapped phase, height and incidence angle: openeo-sar run slc_interferogram ... -p unwrap=true
    -p 'geometry=["height","incidence_angle"]'.
    """
    from local_runner.export import mintpy  # noqa: PLC0415  (--help must not wait)

    with progress("export") as report:
        folder = mintpy(results, out=out, layouts=layouts, overwrite=overwrite, progress=report)
    click.echo(f"folder: {folder}")
    click.echo(
        f"next: cd {shlex.quote(str(folder))} && smallbaselineApp.py smallbaselineApp.cfg --start modify_network"
    )
