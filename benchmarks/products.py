"""Opening Sentinel-1 products: a whole SAFE, two of them coregistered, and the cube of a burst of both.

`python benchmarks/products.py [--safe FOLDER FOLDER] [--runs N]`. Without folders of two real dates, synthetic ones:
3 swaths, 2 polarisations, 9 bursts of full size, without pixels; their annotations are a sixth of real ones. No pixel is
read of either. The alternative is the least that any reader does, `xml.etree` over the same annotations, which checks nothing
and gives elements. Medians; each run reads the files anew. The limit holds on a quiet core.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from local_runner import evaluate
from local_runner.demo.safe import Product, later, write_safe
from local_runner.products import Options, catalogue, sentinel1_slc
from local_runner.products.sentinel1_slc import heights, manifest, opening

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = Product(
    swaths=("IW1", "IW2", "IW3"),
    polarizations=("VV", "VH"),
    bursts=9,
    lines=1507,
    samples=21_632,
    valid=(20, 500),
    has_pixels=False,
)
LIMIT_S = 0.5
"""Of opening a whole SAFE."""


def forget() -> None:
    """Drop what is kept of files that were read."""
    for kept in (heights.of_annotation, manifest._read, opening._read):  # noqa: SLF001
        kept.cache_clear()


def seconds(function: Callable[[], object], runs: int) -> float:
    """Median wall time, after one run that does not count."""
    found = []
    for _ in range(runs + 1):
        forget()
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return statistics.median(found[1:])


def parsed(safe: Path) -> list[ET.Element]:
    """The annotations as trees."""
    return [ET.parse(path).getroot() for path in sorted((safe / "annotation").glob("*.xml"))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--safe", type=Path, nargs=2, help="folders of two dates, unpacked")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    logging.getLogger("local_runner.products").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = given.safe or [write_safe(folder, product) for product in (WHOLE, later(WHOLE))]
        options = Options(folder / "none")
        made = catalogue(pair, out=folder / "cat", swaths=["IW2"])
        node = {"process_id": "load_stac", "arguments": {"url": str(min(made.parent.glob("t*/collection.json")))}}
        rows = {
            "xml.etree, annotations of one SAFE": (lambda: parsed(pair[0]), None),
            "stacks of one SAFE": (lambda: sentinel1_slc.stacks(pair[:1], options), LIMIT_S),
            "stacks of two, coregistered": (lambda: sentinel1_slc.stacks(pair, options), None),
            "load_stac of one burst, two dates": (lambda: evaluate({"load": node | {"result": True}}), None),
        }
        taken = {what: seconds(function, given.runs) for what, (function, _) in rows.items()}
    least = next(iter(taken.values()))
    print("| what | median s | times xml.etree | limit s |\n|---|---|---|---|")
    for what, each in taken.items():
        print(f"| {what} | {each:.3f} | {each / least:.1f} | {rows[what][1] or '-'} |")


if __name__ == "__main__":
    main()
