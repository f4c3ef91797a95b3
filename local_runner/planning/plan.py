"""What a plan says: data classes that turn into strict JSON, numbers with their unit in the name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from local_runner.cube import labels
from local_runner.errors import LimitExceededError, OpenEOError
from local_runner.planning.text import as_text
from local_runner.suggestions import did_you_mean

if TYPE_CHECKING:
    import xarray as xr

    from local_runner.budget import Budget

_SPATIAL: Final = ("x", "y")


@dataclass(frozen=True)
class Axis:
    """A dimension of a cube: its size, the sizes of its chunks, and its labels.

    Spatial dimensions, whose labels are even, have the first and the last one only.
    """

    name: str
    size: int
    labels: tuple[Any, ...]
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class CubePlan:
    """A cube that a node returns. `memory_bytes` is what it would take as a whole, `chunk_bytes` its largest chunk."""

    axes: tuple[Axis, ...]
    dtype: str
    crs: str | None
    memory_bytes: int
    chunk_bytes: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of all dimensions."""
        return tuple(axis.size for axis in self.axes)

    @property
    def pixels(self) -> int:
        """Pixels of one plane; 1 where it has no x and y."""
        return math.prod(axis.size for axis in self.axes if axis.name in _SPATIAL)

    @classmethod
    def of(cls, cube: xr.DataArray, crs: str | None) -> CubePlan:
        """Plan of a cube."""
        chunks = cube.chunks or tuple((size,) for size in cube.shape)
        axes = tuple(
            Axis(str(d), cube.sizes[d], _labels(cube, str(d)), tuple(map(int, cut)))
            for d, cut in zip(cube.dims, chunks, strict=True)
        )
        largest = cube.dtype.itemsize * math.prod(max(cut, default=0) for cut in chunks)
        return cls(axes, str(cube.dtype), crs, int(cube.nbytes), int(largest))


@dataclass(frozen=True)
class UdfPlan:
    """A UDF of a node: how often it is called, and what each call gets and returns, overlap included.

    `labels` of t are left out where each call gets one date. `memory_bytes`: what one call holds, as estimated.
    `of_collection`: whether the text is one of the installed collection; any other runs in the sandbox unless trusted.
    """

    node: str
    calls: int
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    labels: dict[str, list[Any]]
    dates: Literal["one", "all", "none"]
    size_px: dict[str, int]
    overlap_px: dict[str, int]
    returned_shape: tuple[int, ...]
    dtype: str
    memory_bytes: int
    of_collection: bool


@dataclass(frozen=True)
class Limit:
    """A limit of the back-end that a node hits: its number, whether the back-end refuses, and what to do."""

    number: str
    action: Literal["refuse", "warn"]
    message: str


@dataclass(frozen=True)
class Problem:
    """What keeps a node from being planned: an openEO error code and its message."""

    code: str
    message: str

    @classmethod
    def of(cls, error: OpenEOError) -> Problem:
        """The problem that an error tells."""
        return cls(error.code, error.message)


@dataclass
class NodePlan:
    """A node: what it returns, or why that is not known.

    `cube` or `value` (a scalar, text or list as JSON) is what it returns, of `save_result` what it saves. `needs`: paths of
    the nodes whose values it takes.
    `callback`: ids of the processes in its callbacks. `unknown_from`: path of the node for which its value is not known.
    `exit_code`: that of the error with which a run ends at this node; 0 where it goes on, or where that is not known.
    """

    path: str
    process: str
    needs: tuple[str, ...]
    callback: tuple[str, ...] = ()
    cube: CubePlan | None = None
    value: Any = None
    udfs: list[UdfPlan] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: Problem | None = None
    unknown_from: str | None = None
    exit_code: int = 0


@dataclass(frozen=True)
class Memory:
    """Estimated peak memory of a run, and what it is made of, in bytes.

    `base_bytes`: interpreter, libraries, file caches. `held_bytes`: chunks that wait for others. `working_bytes`: what the
    workers have in hand. `geometry_bytes`: positions of all samples, for geocoding. Per machine; a worker of a cluster
    has its own base.
    """

    base_bytes: int = 0
    held_bytes: int = 0
    working_bytes: int = 0
    geometry_bytes: int = 0

    @property
    def peak_bytes(self) -> int:
        """Their sum."""
        return self.base_bytes + self.held_bytes + self.working_bytes + self.geometry_bytes


@dataclass(frozen=True)
class Check:
    """One limit of the budget: what is needed, what is allowed, whether that holds (None: not known)."""

    name: Literal["pixels", "memory_bytes", "output_bytes"]
    needed: int | None
    allowed: int
    holds: bool | None


@dataclass(frozen=True)
class Plan:
    """What a process would do.

    `complete`: whether all nodes are known; else totals are of what is known. `pixels_read` and `bytes_read` count each
    pixel of a band once, as float32; `output_bytes` is the size of the result without compression, its upper bound. They are
    None where no result is known, and `memory` has the base only then. `str` of a plan is its text for people.
    """

    process: str
    profile: str
    workers: int
    nodes: tuple[NodePlan, ...]
    complete: bool
    udf_calls: int
    pixels_read: int | None
    bytes_read: int | None
    output_bytes: int | None
    memory: Memory
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool | None:
        """Whether the budget holds, that of each node and that of the run; None where that is not known."""
        found = [check.holds for check in self.checks]
        found += [False for node in self.nodes if node.problem is not None and node.problem.code == "LimitExceeded"]
        return False if False in found else None if None in found else True

    @property
    def exit_code(self) -> int:
        """What a run would end with, as far as is known: 3 beyond the budget, else the code of its first error, else 0."""
        if self.holds is False:
            return LimitExceededError.exit_code
        return next((node.exit_code for node in self.nodes if node.exit_code), 0)

    def __str__(self) -> str:
        return as_text(self)

    def node(self, path: str) -> NodePlan:
        """The node of a path such as `slc_coherence/coherence`; raises `ProcessParameterInvalid` where there is none."""
        found = {node.path: node for node in self.nodes}
        if path not in found:
            do = did_you_mean(path, found) or f"The nodes are {', '.join(found)}"
            raise OpenEOError("ProcessParameterInvalid", "path must be that of a node of the plan", got=path, do=do)
        return found[path]

    def require(self, budget: Budget) -> None:
        """Raise `LimitExceeded` where the run would need more memory or space on disk, as far as the plan knows."""
        saved = next((node.path for node in self.nodes if node.process == "save_result"), "")
        budget.require_memory(self.memory.peak_bytes, "The run", node=saved, workers=self.workers)
        budget.require_output(self.output_bytes or 0, node=saved)

    def to_dict(self) -> dict[str, Any]:
        """The plan as strict JSON: no NaN, no sets, numbers as they are."""
        return {
            **_json(self),
            "memory": {**asdict(self.memory), "peak_bytes": self.memory.peak_bytes},
            "holds": self.holds,
            "exit_code": self.exit_code,
        }


def _labels(cube: xr.DataArray, name: str) -> tuple[Any, ...]:
    found = labels(cube, name)
    return tuple(found[:1] + found[-1:]) if name in _SPATIAL and len(found) > 2 else tuple(found)


def _json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        whole = {f.name: _json(getattr(value, f.name)) for f in fields(value)}
        return whole | {"shape": list(value.shape)} if isinstance(value, CubePlan) else whole
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124  (NaN)
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
