"""The command line: a command parses, calls one function and prints. Imports stand in commands: help must be quick."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from local_runner.errors import OpenEOError
from local_runner.export_commands import export_
from local_runner.options import EXPLAIN, RUN, ProcessGroup
from local_runner.product_commands import compare_, stac_
from local_runner.terminal import console, progress, warn

if TYPE_CHECKING:
    from collections.abc import Mapping

CANCELLED = 130


class Failure(click.ClickException):
    """An error of a command as one line on stderr, with its exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]  # click declares it for the class, and reads it of the instance

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"error: {self.message}" if self.exit_code != CANCELLED else self.message, err=True, file=file)


class Program(click.Group):
    """The whole program: errors leave it as `Failure`, unless --debug asks for the traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click ends quietly where nobody reads on, as behind `| head`
        except KeyboardInterrupt:
            raise Failure("cancelled", CANCELLED) from None
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            if isinstance(error, OpenEOError):
                raise Failure(str(error), error.exit_code) from error
            raise Failure(f"InternalError: {type(error).__name__}: {error} (--debug shows where)", 1) from error


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="openeo-sar")
def cli(*, debug: bool) -> None:
    """SAR analyses as openEO processes: find them, run them here, and write the result as STAC."""
    del debug
    warnings.showwarning = warn


def main() -> None:
    """Entry point of `openeo-sar`. A batch system's SIGTERM ends a run as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cli()


@cli.command("list")
@click.option("--processes", is_flag=True, help="List the openEO processes that a graph may use instead.")
@click.argument("part", required=False, default="", metavar="[FILTER]")
def list_(part: str, *, processes: bool) -> None:
    """List the processes of the collection, or those with FILTER in their name."""
    from local_runner.reference import listing

    console().print(listing(part, predefined=processes))


@cli.command("describe")
@click.argument("process")
@click.option("--allow-host", "allow_hosts", multiple=True, metavar="HOST", help="Host that may be read from.")
def describe_(process: str, allow_hosts: tuple[str, ...]) -> None:
    """Describe PROCESS: an id of the collection, the path or URL of a process JSON, or an openEO process.

    The address of a STAC catalogue, collection or item is described as well: dates, bands, grid, footprint.
    """
    from local_runner import catalog
    from local_runner.access import Access
    from local_runner.describe import describe
    from local_runner.stac import describe as of_stac

    if process.isidentifier() and process not in catalog.ids():
        from local_runner.processes import registry
        from local_runner.reference import describe_predefined

        if process in registry():
            console().print(describe_predefined(registry()[process]))
            return
    access = Access(hosts=allow_hosts)
    if process not in catalog.ids() and of_stac.is_stac(process, access):
        console().print(of_stac.describe(process, access))
        return
    if process not in catalog.ids():
        _require_no_product(process)
    console().print(describe(catalog.load(process, access), process))


def _require_no_product(address: str) -> None:
    """Raise for a path that is no document: one that is not there, or a product, of which a catalogue must be made."""
    from local_runner.access import is_remote
    from local_runner.errors import DataError
    from local_runner.products import candidates

    path = Path(address)
    looks = "/" in address or path.suffix == ".json"
    if is_remote(address) or not (looks or os.path.exists(address)):  # noqa: PTH110
        return
    if not os.path.exists(address):  # noqa: PTH110
        raise DataError("FileNotFound", "The path must exist", got=address, do="Check the path")
    if candidates(path):
        must = "What is described must be a process or a STAC document; this is a product, or a folder of them"
        do = f"Make a catalogue of it first: {shlex.join(['openeo-sar', 'stac', address, '--out', 'catalogue'])}"
        raise OpenEOError("ProductUnknown", must, got=address, do=do)


@cli.command()
@click.argument("stac")
@click.argument("rule", default="all")
@click.option("--allow-host", "allow_hosts", multiple=True, metavar="HOST", help="Host that may be read from.")
def pairs(stac: str, rule: str, allow_hosts: tuple[str, ...]) -> None:
    """Print the pairs of dates of a STAC collection as JSON.

    RULE is all, baseline:12, baseline:6-24 or neighbours:2; baselines are in days.
    """
    from local_runner import pairs as helper
    from local_runner.access import Access

    click.echo(json.dumps(helper.of_collection(rule, stac, Access(hosts=allow_hosts))))


@cli.command("check")
@click.argument("process", required=False)
@click.option("--profile", default="geopyspark", show_default=True, help="Back-end whose rules hold.")
@click.option("--allow-host", "allow_hosts", multiple=True, metavar="HOST", help="Host that may be read from.")
def check_(process: str | None, profile: str, allow_hosts: tuple[str, ...]) -> None:
    """Check PROCESS (id, path or URL), or all processes of the collection, without opening any data.

    A path that ends in .py is that of the text of a UDF. It is not executed.
    """
    from local_runner import catalog
    from local_runner.access import Access
    from local_runner.check import check, lint_file

    access = Access(hosts=allow_hosts)
    if process is not None and process not in catalog.ids():
        access = access.naming(process)
    names = catalog.ids() if process is None else (process,)
    found = []
    for name in names:
        is_udf = name.endswith(".py")
        findings = (
            lint_file(Path(name)) if is_udf else check(catalog.load(name, access), profile=profile, access=access)
        )
        found += [(name, finding) for finding in findings]
    for name, finding in found:
        where = f"{name}, node {finding.node}" if finding.node else name
        click.echo(f"{finding.severity}: {where}: {finding.code}: {finding.message}")
    errors = sum(finding.severity == "error" for _, finding in found)
    checked = _count(len(names), "process", "processes")
    told = f"{_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}"
    click.echo(f"{checked} checked: {told}", err=True)
    if errors:
        raise click.exceptions.Exit(2)


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


@cli.command("sync")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit code 2 if a file is stale.")
def sync_(*, only_check: bool) -> None:
    """Fill in what is generated: shared UDF functions, UDF texts and descriptions in the graphs, the README table."""
    from local_runner.sync import sync

    stale = sync(check=only_check)
    for path in stale:
        click.echo(f"stale: {path}" if only_check else f"written: {path}")
    if stale and only_check:
        raise Failure("Generated files must be up to date. Run `openeo-sar sync`.", 2)


@cli.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write."
)
@click.option(
    "--full-chain", is_flag=True, help="From two simulated Sentinel-1 passes to the unwrapped interferogram on a map."
)
def demo(out: Path, *, full_chain: bool) -> None:
    """Simulate a stack with known coherence, run slc_coherence on it and compare the result with the truth.

    With --full-chain: two passes as SAFE folders, stac, slc_coregistration, slc_coherence, slc_interferogram.
    """
    from local_runner.demo.full_chain import show_chain
    from local_runner.demo.show import show, whole_or_gone

    start = time.monotonic()
    with whole_or_gone(out), progress("demo") as report:
        shown = show_chain(out, progress=report) if full_chain else show(out, progress=report)
    for table in shown.tables:
        console(markup=True).print(table)
    for note in shown.notes:
        click.echo(note)
    for picture in shown.pictures:
        click.echo(f"picture: {picture.resolve()}")
    click.echo(f"folder: {out.resolve()}")
    click.echo(f"elapsed: {time.monotonic() - start:.1f} s")
    if not shown.within:
        raise Failure("The estimate must be within theory in every class. Please report it.", 1)


def _start(process: str, values: dict[str, Any], settings: dict[str, Any]) -> None:
    """Run a process and print where the result is."""
    start, quiet = time.monotonic(), settings.pop("quiet")
    record = settings["out"] / "record.json"
    before = record.stat().st_mtime_ns if record.exists() else None
    try:
        _replace_rule(values, settings)
        from local_runner.jobs.run import run

        with progress(process, quiet=quiet) as report:
            result = run(process, values, progress=report, **settings)
    except KeyboardInterrupt:
        left = (
            "the result in {} is complete" if (settings["out"] / "record.json").exists() else "nothing was left in {}"
        )
        raise Failure(f"cancelled, {left.format(settings['out'])}", CANCELLED) from None
    if quiet:
        click.echo(result.folder)
        return
    if before is not None and record.stat().st_mtime_ns == before:
        click.echo("unchanged: the result of this graph with these parameters and inputs was there already")
    click.echo(f"folder: {result.folder}")
    for item in result.items:
        click.echo(f"item: {item.id}")
    for picture in result.quicklooks:
        click.echo(f"quicklook: {picture}")
    click.echo(f"elapsed: {time.monotonic() - start:.1f} s")


def _replace_rule(values: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Put the pairs in the place of a rule for them."""
    from local_runner import pairs as helper
    from local_runner.access import Access

    rule = values.get("pairs")
    if not isinstance(rule, str):
        return
    if "data" not in settings["inputs"]:
        raise click.UsageError("pairs by a rule are made from the dates of --input data=STAC, which is missing.")
    access = Access(roots=settings["data_roots"], hosts=settings["allow_hosts"])
    values["pairs"] = helper.of_collection(rule, settings["inputs"]["data"], access)


def _explain(process: str, values: dict[str, Any], settings: dict[str, Any]) -> None:
    """Print what a run would do."""
    from local_runner.planning import as_mermaid, as_text, explain

    as_json, mermaid = settings.pop("as_json"), settings.pop("as_mermaid")
    if as_json and mermaid:
        raise click.UsageError("Either --json or --mermaid must be given, not both.")
    _replace_rule(values, settings)
    plan = explain(process, values, **settings)
    if as_json:
        click.echo(json.dumps(plan.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        click.echo(as_mermaid(plan) if mermaid else as_text(plan))
    if code := getattr(plan, "exit_code", 0):
        raise click.exceptions.Exit(code)


cli.add_command(stac_)
cli.add_command(compare_)
cli.add_command(export_)
cli.add_command(
    ProcessGroup(
        "run",
        "Run PROCESS and write its result as STAC. `openeo-sar run PROCESS --help` lists its parameters.",
        _start,
        RUN,
    )
)
cli.add_command(
    ProcessGroup(
        "explain",
        "Say what a run of PROCESS would do: dims, labels, chunks, memory, UDF calls, limits of the back-end. "
        "No pixel is read, no UDF is run.",
        _explain,
        EXPLAIN,
    )
)
