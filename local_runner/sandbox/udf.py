"""UDFs of strangers: `udf_for` gives what looks like a `local_runner.udf.call.Udf` and runs the text in a sandbox."""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from local_runner import catalog
from local_runner.errors import OpenEOError, Quoted, UdfError
from local_runner.sandbox import command, replies, wire
from local_runner.sandbox.files import Files
from local_runner.sandbox.printed import Printed
from local_runner.sandbox.replies import clean
from local_runner.udf.call import NO_DATA, Udf, is_of_collection, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import xarray as xr

    from local_runner.execution import Execution
    from local_runner.sandbox.limits import Limits
    from local_runner.sandbox.process import Answer, Sandbox

Value = TypeVar("Value")
_log: Final = logging.getLogger(__package__)


class SandboxWarning(UserWarning):
    """A UDF of a stranger runs in a sandbox that does not keep it from files and network."""


def udf_for(text: str, context: Any, *, node: str, execution: Execution) -> Udf:
    """A UDF that runs in this process if its text is trusted, else in the sandbox; raises `UdfNotTrusted` if it may not.

    The log tells where it runs, unless it is of the collection.
    """
    if is_of_collection(text):
        return Udf(text, context, node=node)
    if execution.trusted:
        udf, where = Udf(text, context, node=node), "in this process (trusted)"
    else:
        udf = SandboxedUdf(text, context, node=node, limits=execution.sandbox)
        require_sandbox(text, unsafe=execution.unsafe)
        where = "in the sandbox" if command.isolation() else "in the sandbox (sandbox: weak)"
    _log.info("UDF %s, sha256 %.12s, runs %s", node or "run_udf", catalog.text_hash(text), where)
    return udf


def warn_if_weak() -> None:
    """Say aloud that texts of strangers run in a weak sandbox here; for those who start a run, once."""
    if command.isolation() is None:
        weak = "sandbox: weak. A UDF that is not of the collection has limits here, but can reach your files and the network"
        warnings.warn(weak, SandboxWarning, stacklevel=2)


def require_sandbox(text: str, *, unsafe: bool) -> None:
    """Raise `UdfNotTrusted` where a text would run in a weak sandbox, unless `unsafe`."""
    if unsafe or command.isolation() is not None:
        return
    must = f"A UDF that is not of the installed collection must run in a sandbox, but {clean(command.why_none())}"
    do = (
        "Install bubblewrap (on Linux) and allow it to make name spaces; or read the text and, if you trust its author, add"
        " --trust, in Python trusted=True; --unsafe runs it with limits, but with all your rights"
    )
    raise OpenEOError("UdfNotTrusted", must, got=Quoted(name_of(text)), do=do)


class SandboxedUdf(Udf):
    """A checked UDF text that runs in a sandbox: same results and errors as `Udf`, and those of the limits."""

    def __init__(self, text: str, context: Any, *, node: str = "", limits: Limits) -> None:
        super().__init__(text, context, node=node)
        self.limits = limits
        self.printed = Printed()
        try:
            json.dumps(self.context)
        except (TypeError, ValueError) as error:
            must = "The context of a UDF must be JSON"
            raise OpenEOError("ProcessParameterInvalid", must, got=str(error), node=node) from error

    def __call__(self, chunk: xr.DataArray, place: str) -> xr.DataArray:
        """Run on one chunk; `place` names it in errors."""
        samples = wire.samples_of(np.ascontiguousarray(chunk.values))
        try:
            request = {"array": wire.describe(chunk), "place": place}
        except TypeError as error:
            must = "Labels of a cube must be texts, numbers or dates for a UDF in the sandbox"
            raise OpenEOError("FeatureUnsupported", must, got=Quoted(error), node=self.node) from error
        return self._ask(request, samples, lambda reply, output: replies.array_of(reply, output, self.limits.output))

    def declared_bands(self, dims: Sequence[str], bands: Sequence[str]) -> list[str] | None:
        """Band labels that the UDF's `apply_metadata` declares for a cube, or None without that function."""
        request = {"dims": list(dims), "bands": list(bands), "place": NO_DATA}
        return self._ask(request, memoryview(b""), lambda reply, _: replies.bands_of(reply))

    def _ask(
        self, request: dict[str, Any], samples: memoryview, checked: Callable[[dict[str, Any], int], Value]
    ) -> Value:
        from local_runner.sandbox import pool  # noqa: PLC0415  (not for all systems, and not for trusted texts)

        request = {**request, "text": self.text, "context": self.context}
        try:
            with pool.borrowed() as sandbox, Files() as own:
                answer = self._answer(sandbox, own, request, samples)
                return checked(replies.parsed(answer.reply), answer.output)
        except replies.BadReplyError as error:
            must = f"The UDF must return a DataArray of real numbers, with {error} [chunk {request['place']}]"
            raise UdfError("UdfResultInvalid", must, node=self.node) from error
        except OpenEOError as error:
            raise error.at(self.node) from None

    def _answer(self, sandbox: Sandbox, own: Files, request: dict[str, Any], samples: memoryview) -> Answer:
        place, printed = request["place"], bytearray()
        try:
            return sandbox.ask(own, request, samples, self.limits, printed)
        except OpenEOError as error:
            error.must = f"{error.must} [chunk {place}]"
            raise
        finally:
            self.printed.pass_on(bytes(printed), self.node, place)
