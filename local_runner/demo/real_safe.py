"""SAFE folders of simulated pixels on real annotation: one burst of a real product, cut to fewer lines and samples."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import fromstring

from local_runner.demo import complex_tiff
from local_runner.demo.interferometry import image_of

if TYPE_CHECKING:
    from pathlib import Path

    from local_runner.demo.safe import Content


def write_burst(
    folder: Path,
    product: Path,
    content: Content | None,
    *,
    swath: str,
    index: int,
    shape: tuple[int, int] | None = None,
) -> Path:
    """Write the burst of an index of a real product, VV, and return the new SAFE folder; its annotation may be gzipped.

    `shape`: how many lines and samples of it, from the first on, all valid; all of them, with the real border, if None. Times,
    orbit and polynomials stay. The carrier is that of a burst of so many lines. `content`: what makes the pixels, none if None.
    """
    safe = folder / product.name
    source = next(product.glob(f"annotation/*-{swath}-slc-vv-*.xml*".lower()))
    root = fromstring(_read(source))
    _cut(root, index, shape)
    path = safe / "annotation" / source.name.removesuffix(".gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tostring(root, encoding="UTF-8", xml_declaration=True))
    (safe / "manifest.safe").write_bytes(_read(next(product.glob("manifest.safe*"))))
    if content is not None:
        (safe / "measurement").mkdir(exist_ok=True)
        image = image_of(safe, swath, "VV", 0)
        pixels = content(swath, "VV", 0, image.grid, image.carrier)
        complex_tiff.write(safe / "measurement" / f"{path.stem}.tiff", pixels)
    return safe


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _cut(root: Element, index: int, shape: tuple[int, int] | None) -> None:
    """Keep one burst, and of it a corner."""
    timing = _of(root, "swathTiming")
    bursts = _of(timing, "burstList")
    for place, burst in enumerate(list(bursts)):
        if place != index:
            bursts.remove(burst)
    lines, samples = (int(_of(timing, name).text or 0) for name in ("linesPerBurst", "samplesPerBurst"))
    if shape is not None:
        lines, samples = shape
        for name, value in (("firstValidSample", 0), ("lastValidSample", samples - 1)):
            field = _of(bursts[0], name)
            field.text, field.attrib["count"] = " ".join([str(value)] * lines), str(lines)
    bursts.attrib["count"] = "1"
    image = _of(root, "imageAnnotation/imageInformation")
    _of(timing, "linesPerBurst").text = _of(image, "numberOfLines").text = str(lines)
    _of(timing, "samplesPerBurst").text = _of(image, "numberOfSamples").text = str(samples)


def _of(parent: Element, path: str) -> Element:
    found = parent.find(path)
    assert found is not None, path  # noqa: S101
    return found
