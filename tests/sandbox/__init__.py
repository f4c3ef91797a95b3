"""UDFs of strangers for the tests of the sandbox, and what shows that they got nowhere."""

import textwrap
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from local_runner.sandbox import command
from local_runner.sandbox.limits import Limits
from local_runner.sandbox.udf import SandboxedUdf

HEAD = "import os\nimport numpy as np\nimport xarray as xr\nfrom typing import Any\n"
ENTRY = "def apply_datacube(cube: xr.DataArray, context: dict[str, Any]) -> xr.DataArray:\n"
MIB = 2**20
SMALL = {"seconds": 60, "memory": 256 * MIB, "output": 16 * MIB, "processes": 16}
"""Limits that hostile UDFs reach soon, and others do not on a busy machine."""

needs_bubblewrap = pytest.mark.skipif(
    command.isolation() is None, reason="bubblewrap must be installed, and allowed to make name spaces"
)


def text_of(body, *, top=""):
    return HEAD + top + ENTRY + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n"


def udf(body, context=None, *, top="", **limits):
    """The body of a UDF, in the sandbox with small limits."""
    return SandboxedUdf(text_of(body, top=top), context, node="graph/udf", limits=Limits(**(SMALL | limits)))


def chunk(value=1.0):
    coords = {"bands": ["a", "b"], "y": np.arange(3.0), "x": np.arange(4.0)}
    return xr.DataArray(np.full((2, 3, 4), value, np.float32), coords, ("bands", "y", "x"))


def alive(process):
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
