"""Reads mutated files in a process of its own: `python -m tests.hostile.fuzz KIND FILE COUNT FOLDER`.

Prints the number of each outcome as JSON: `read` or the code of the error; anything else than a typed error ends it.
"""

import json
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from local_runner.errors import OpenEOError
from local_runner.files import netcdf_probe, netcdf_reader, raster
from tests.hostile.files import mutated


def outcome(kind, path):
    try:
        if kind == "tif":
            raster.open_lazy(path).data.compute(scheduler="synchronous")
        else:
            header = netcdf_reader.read_header(path)
            for name in header.variables:
                netcdf_reader.open_variable(header, name).compute(scheduler="synchronous")
    except OpenEOError as error:
        return error.code
    return "read"


def main(kind, file, count, folder):
    netcdf_probe.TIMEOUT_S = 2
    warnings.simplefilter("error")
    content, chance, found = Path(file).read_bytes(), np.random.default_rng(0), Counter()
    for number in range(int(count)):
        path = Path(folder, f"{number}.{kind}")
        path.write_bytes(mutated(content, chance))
        found[outcome(kind, path)] += 1
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
