"""Commands of `openeo-sar run`: one per process, its options made from the parameters in the process JSON.

Not here: what a run does. A value is handed on as it was written; `local_runner.parameters` checks it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from local_runner import parameters
from local_runner.errors import OpenEOError
from local_runner.profiles import profile_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PREFIX: Final = "of_process_"
Named = tuple[tuple[str, str], ...]


class _NameValue(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "name=value"

    def __init__(self, what: str) -> None:
        self.what = what

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Text of the help."""
        del param, ctx
        return f"NAME={self.what}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        name, found, text = str(value).partition("=")
        if not found or not name or not text:
            self.fail(f"must be NAME={self.what}, instead got {value!r}.", param, ctx)
        return name, text


class _Size(click.ParamType[int]):
    """A number of bytes, as 2GiB, 500 MB or 1e9."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the unit."""
        from dask.utils import parse_bytes  # noqa: PLC0415  (`openeo-sar --help` does without)

        try:
            return int(parse_bytes(value))
        except ValueError:
            self.fail(f"must be a size as 2GiB or 500MB, instead got {value!r}.", param, ctx)


_CALL: Final = (
    click.Option(
        ["--input", "inputs"],
        type=_NameValue("STAC"),
        multiple=True,
        help="Raster cube: path or URL of a STAC collection, item or catalogue, or of the folder of one.",
    ),
    click.Option(
        ["-p", "given"], type=_NameValue("VALUE"), multiple=True, help="Any other parameter: JSON, else text."
    ),
    click.Option(["--geocode"], metavar="EPSG:CODE", help="Resample the result to a map grid of this projection."),
    click.Option(["--resolution"], type=float, help="Cell size of the map grid in the unit of its projection."),
    click.Option(
        ["--profile"],
        type=click.Choice(profile_names()),
        default="geopyspark",
        show_default=True,
        help="Back-end whose rules hold.",
    ),
    click.Option(["--allow-host", "allow_hosts"], multiple=True, metavar="HOST", help="Host that may be read from."),
    click.Option(
        ["--data-root", "data_roots"],
        multiple=True,
        type=click.Path(path_type=Path),
        help="Folder, other than the catalogue's, that assets may lie in.",
    ),
)
_RUN: Final = (
    click.Option(["--out"], type=click.Path(path_type=Path), required=True, help="Folder of the result."),
    click.Option(["--overwrite"], is_flag=True, help="Replace the result that is there, once the new one is complete."),
    click.Option(
        ["--format", "file_format"],
        type=click.Choice(["GTiff", "netCDF"], case_sensitive=False),
        default="GTiff",
        show_default=True,
        help="Cloud-optimised GeoTIFF, or netCDF.",
    ),
    click.Option(["--for-backend"], is_flag=True, help="Write the STAC form that load_stac of a back-end reads."),
    click.Option(["--trust", "trusted"], is_flag=True, help="Run UDF texts of others with all your rights."),
    click.Option(
        ["--unsafe"], is_flag=True, help="Run UDF texts of others in a weak sandbox where there is no good one."
    ),
    click.Option(["--quiet"], is_flag=True, help="Print nothing but the folder of the result, and errors."),
)
_EXPLAIN: Final = (
    click.Option(["--json", "as_json"], is_flag=True, help="Print the plan as JSON."),
    click.Option(["--mermaid", "as_mermaid"], is_flag=True, help="Print the graph as a Mermaid flowchart."),
)
_LIMITS: Final = (
    click.Option(
        ["--scheduler"],
        metavar="NAME|ADDRESS",
        default="threads",
        show_default=True,
        help="Who does the work: threads, processes, synchronous (for debugging), or the address of a dask scheduler, "
        "as tcp://host:8786.",
    ),
    click.Option(["--workers"], type=click.IntRange(min=1), help="Number of threads or processes.  [default: cores]"),
    click.Option(
        ["--max-memory"], type=_Size(), metavar="SIZE", help="Memory that a run may take.  [default: half of all]"
    ),
    click.Option(
        ["--max-pixels"], type=click.IntRange(min=1), help="Pixels that an image may have.  [default: 200000000]"
    ),
    click.Option(["--max-output"], type=_Size(), metavar="SIZE", help="Bytes that may be written.  [default: 100GiB]"),
)
RUN: Final = (*_CALL, *_RUN, *_LIMITS)
EXPLAIN: Final = (*_CALL, *_EXPLAIN, *_LIMITS)


class ProcessGroup(click.Group):
    """`run` and `explain`: their subcommands are the ids of the collection, and any path or URL of a process JSON."""

    def __init__(self, name: str, help_: str, start: Callable[..., None], common: tuple[click.Option, ...]) -> None:
        super().__init__(name, help=help_, subcommand_metavar="PROCESS [OPTIONS]")
        self.start = start
        self.common = common

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Ids of the collection."""
        del ctx
        from local_runner import catalog  # noqa: PLC0415  (`openeo-sar --help` does without)

        return list(catalog.ids())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Make the command of a process."""
        from local_runner import catalog  # noqa: PLC0415
        from local_runner.access import Access  # noqa: PLC0415

        process = catalog.load(cmd_name, Access(hosts=ctx.meta.get("hosts", ())))
        return command(cmd_name, process, self.start, self.common)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a process URL is read before the options are, so that its hosts are looked up here."""
        ctx.meta["hosts"] = _values_of("--allow-host", args)
        return super().resolve_command(ctx, args)


def command(
    name: str, process: Mapping[str, Any], start: Callable[..., None], common: tuple[click.Option, ...]
) -> click.Command:
    """Command of one process: its parameters as options, then the common ones.

    `start(process, values, settings)` is called with the address of the process, the values of its parameters as they
    were written, and the values of the common options.
    """
    taken = {text for option in common for text in option.opts} | {"--help", "--debug"}
    declared = {p["name"]: p for p in process.get("parameters") or [] if not parameters.is_cube(p)}
    own = [_option(p) for p in declared.values() if _flag(p["name"]) not in taken]

    def callback(given: Named, **options: Any) -> None:
        settings = {key: value for key, value in options.items() if not key.startswith(_PREFIX)}
        values = {k.removeprefix(_PREFIX): v for k, v in options.items() if k.startswith(_PREFIX) and v is not None}
        for key, text in given:
            if key in values:
                raise click.UsageError(f"The parameter {key!r} must be given once.")
            values[key] = text
        settings["inputs"] = _unique(settings["inputs"])
        read = {key: value_of(declared.get(key, {}), value) for key, value in values.items()}
        start(name, read, settings)

    return click.Command(
        name,
        params=[*own, *common],
        callback=callback,
        help=process.get("summary") or process.get("id"),
        epilog=_inputs_help(process),
    )


def value_of(parameter: Mapping[str, Any], given: Any) -> Any:
    """Read a command-line text as JSON, else as text; a parameter that takes nothing but text gets it as it is."""
    types = types_of(parameter)
    if not isinstance(given, str) or types == ["string"]:
        return given
    try:
        return json.loads(given)
    except ValueError:
        if given.startswith(("[", "{")) and {"array", "object"} & set(types):
            name, example = parameter["name"], '["a","b"]' if given[0] == "[" else '{"a":1}'
            must = f"A list or object must be JSON, with texts in double quotes, for {name}"
            do = f"Put the whole in single quotes as well, or the shell takes the double ones: -p '{name}={example}'"
            raise OpenEOError("ProcessParameterInvalid", must, got=given, do=do) from None
        return given


def types_of(parameter: Mapping[str, Any]) -> list[str]:
    """JSON types of a parameter, null left out."""
    found: list[str] = []
    for schema in parameters.alternatives(parameter):
        kind = schema.get("type", [])
        found += [kind] if isinstance(kind, str) else kind
    return [kind for kind in dict.fromkeys(found) if kind != "null"]


def _option(parameter: Mapping[str, Any]) -> click.Option:
    flag = _flag(parameter["name"])
    name = _PREFIX + parameter["name"]
    if types_of(parameter) == ["boolean"]:
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=_help(parameter))
    metavar = "|".join(types_of(parameter)).upper() or "VALUE"
    return click.Option([flag, name], metavar=metavar, help=_help(parameter))


def _help(parameter: Mapping[str, Any]) -> str:
    first = str(parameter.get("description", "")).strip().split("\n")[0]
    if parameter["name"] == "pairs":
        first += " Or a rule on the dates of --input data: all, baseline:12, baseline:6-24, neighbours:2."
    if not parameter.get("optional", False):
        return f"{first}  [required]"
    return f"{first}  [default: {default_text(parameter)}]"


def default_text(parameter: Mapping[str, Any]) -> str:
    """Default value as it would be written on the command line."""
    default = parameter.get("default")
    return default if isinstance(default, str) and default else json.dumps(default, ensure_ascii=False)


def _inputs_help(process: Mapping[str, Any]) -> str:
    cubes = [p for p in process.get("parameters") or [] if parameters.is_cube(p)]
    lines = [f"--input {p['name']}=STAC: {str(p.get('description', '')).strip().split(chr(10))[0]}" for p in cubes]
    return "\n\n".join(lines)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _unique(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in named:
        if name in found:
            raise click.UsageError(f"The input {name!r} must be given once.")
        found[name] = value
    return found


def _values_of(option: str, args: list[str]) -> tuple[str, ...]:
    separate = [after for before, after in pairwise(args) if before == option]
    joined = [text.partition("=")[2] for text in args if text.startswith(f"{option}=")]
    return (*separate, *joined)
