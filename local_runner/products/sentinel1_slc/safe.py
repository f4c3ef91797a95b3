"""The files of a Sentinel-1 SLC product: a SAFE folder, or its zip.

Metadata may be gzipped each on its own. A folder without measurements is a product without pixels; one that has measurements
must have one for each annotation, and the other way round.
"""

from __future__ import annotations

import logging
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Final

from local_runner.errors import DataError, OpenEOError
from local_runner.products._zip import Archive
from local_runner.products.sentinel1_slc import measurement
from local_runner.products.sentinel1_slc.annotation import Annotation, read_annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local_runner.products import Options

_LOG: Final = logging.getLogger(__name__)
_NAME: Final = re.compile(r"S1[A-Z]_(?:(?:IW|EW|S[1-6])_)?SLC_.*\.SAFE", re.IGNORECASE)
_OTHER: Final = re.compile(r"S1[A-Z]_(?:WV_SLC|(?:IW|EW|WV|S[1-6])_(?:RAW|GRD[FHM]|OCN))_", re.IGNORECASE)
"""Products of other kinds, by their names: they are known, to be refused by what they are."""
_DO_SLC: Final = "Download the SLC of that date: GRD and OCN have no phase, RAW is not focused, WV has no bursts"
_IMAGE: Final = re.compile(r"s1[a-z]-((?:iw|ew|s)\d)-slc-(vv|vh|hh|hv)-[a-z0-9-]+")
_XML: Final = (".xml", ".xml.gz")
_TIFF: Final = (".tiff", ".tif")
UNPACKED: Final = "unpacked"
"""Folder in a catalogue for what comes out of a zip."""
_MEMBERS: Final = re.compile(
    r"(?:[^/]+/)?(?:manifest\.safe(?:\.gz)?|annotation/(?:calibration/|rfi/)?[^/]+\.xml(?:\.gz)?|(measurement/[^/]+\.tiff?))"
)
"""Members of a zip that are of use; pixels are the group."""


@dataclass(frozen=True)
class Image:
    """One swath and polarisation in the folder of a product: its annotation, and the file of its pixels if there is one."""

    folder: Path
    annotation: Annotation
    measurement: Path | None

    @property
    def manifest(self) -> Path | None:
        """Manifest of the product, if it has one."""
        names = ("manifest.safe", "manifest.safe.gz")
        return next((path for name in names if (path := self.folder / name).is_file()), None)

    def beside(self, kind: str) -> Path | None:
        """Its file of calibration or noise, if there is one."""
        name = f"{kind}-{stem(self.annotation.path)}"
        folder = self.folder / "annotation" / "calibration"
        return next((path for ending in _XML if (path := folder / (name + ending)).is_file()), None)


@dataclass(frozen=True)
class Safe:
    """A product: its folder, and its images that are wanted.

    `offered`: swath and polarisation of all that it has, also those that are not wanted.
    """

    folder: Path
    images: tuple[Image, ...]
    offered: tuple[tuple[str, str], ...]


def is_safe(path: Path) -> bool:
    """Whether a path is the folder or the zip of an SLC product."""
    if path.is_dir():
        return bool(_NAME.fullmatch(path.name) or _OTHER.match(path.name)) or any(_images(path / "annotation", _XML))
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    if _OTHER.match(path.name):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return bool(_NAME.fullmatch(f"{path.stem.removesuffix('.SAFE')}.SAFE"))
    return any(_IMAGE.fullmatch(stem(PurePosixPath(name))) for name in names if name.endswith(_XML))


def stem(path: PurePath) -> str:
    """Name of a file without the endings of annotations and measurements."""
    return next((path.name.removesuffix(end) for end in (".xml.gz", *_XML, *_TIFF) if path.name.endswith(end)), "")


def without_own_zips(paths: Sequence[Path]) -> list[Path]:
    """Paths of products, without the zip of one whose folder is there too: it is what came out of it."""
    folders = {_product(path) for path in paths if path.is_dir()}
    kept = []
    for path in paths:
        if not path.is_dir() and _product(path) in folders:
            _LOG.warning("%s is left out: its folder is among the products", path)
        else:
            kept.append(path)
    return kept


def _product(path: Path) -> str:
    """Name of a product by that of its folder or zip."""
    folded = path.name.upper()
    return folded.removesuffix(".ZIP").removesuffix(".SAFE")


def open_safe(path: Path, options: Options) -> Safe:
    """A product with the swaths and polarisations that are wanted; each annotation is read once, of pixels the header.

    It may have none of them. Raises `FileNotFound`, `DataCorrupt` and `AccessRefused` (a link out of the folder) naming the
    file, `FormatUnsuitable` for products of other kinds, and what `Archive` raises.
    """
    other = _OTHER.match(path.name)
    if other:
        must = f"{path} must be an SLC of IW, EW or stripmap"
        raise DataError("FormatUnsuitable", must, got=other[0].strip("_"), do=_DO_SLC)
    folder = path if path.is_dir() else _unpacked(path, options)
    annotations = _images(folder / "annotation", _XML)
    if not annotations:
        must = f"{folder / 'annotation'} must hold the annotations of an SLC, like s1a-iw1-slc-vv-....xml"
        raise DataError("FileNotFound", must, do="Download the product again")
    measurements = _measurements(folder, annotations, options)
    wanted = {name: file for name, file in annotations.items() if _is_wanted(name, options)}
    images = tuple(_image(folder, file, measurements.get(name)) for name, file in wanted.items())
    if not measurements:
        advice = "" if path.is_dir() else "; unpack it yourself, or use --unpack"
        _LOG.warning("%s has no measurements at hand: bands i and q are left out%s", path, advice)
    return Safe(folder, images, tuple(map(_of, annotations)))


def _images(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """Files of images in a folder by their stem, sorted."""
    if not folder.is_dir():
        return {}
    files = (path for path in sorted(folder.iterdir()) if path.name.endswith(tuple(endings)) and path.is_file())
    return {stem(path): path for path in files if _IMAGE.fullmatch(stem(path))}


def _measurements(folder: Path, annotations: dict[str, Path], options: Options) -> dict[str, Path]:
    """Files of pixels by stem. Those that are not wanted may be missing."""
    where = folder / "measurement"
    if not where.is_dir():
        return {}
    found = _images(where, _TIFF)
    alone = sorted(set(found) - set(annotations))
    if alone:
        must = f"{folder / 'annotation' / alone[0]}.xml must be there, the annotation of {found[alone[0]]}"
        raise DataError("FileNotFound", must, do="Download the product again")
    missing = sorted(name for name in set(annotations) - set(found) if _is_wanted(name, options))
    if missing:
        must = f"{where / missing[0]}.tiff must be there, the measurement of {annotations[missing[0]]}"
        do = "Download it, or choose what is there with --swath and --polarization"
        raise DataError("FileNotFound", must, do=do)
    return found


def _of(name: str) -> tuple[str, str]:
    """Swath and polarisation of an image by the name of its file."""
    matched = _IMAGE.fullmatch(name)
    return (matched[1].upper(), matched[2].upper()) if matched else ("", "")


def _is_wanted(name: str, options: Options) -> bool:
    swath, polarization = _of(name)
    swaths, polarizations = ([text.upper() for text in chosen] for chosen in (options.swaths, options.polarizations))
    return (not swaths or swath in swaths) and (not polarizations or polarization in polarizations)


def _image(folder: Path, path: Path, pixels: Path | None) -> Image:
    _require_inside(folder, (path, pixels))
    annotation = read_annotation(path)
    named = _of(stem(path))
    if named != (annotation.swath, annotation.polarization):
        must = f"adsHeader/swath and polarisation of {path} must be those of its name, {' '.join(named)}"
        got = f"{annotation.swath} {annotation.polarization}"
        raise DataError("DataCorrupt", must, got=got, do="Download the product again")
    if pixels is not None:
        measurement.require_raster(pixels, annotation)
    image = Image(folder, annotation, pixels)
    _require_inside(folder, (image.manifest, image.beside("calibration"), image.beside("noise")))
    return image


def _require_inside(folder: Path, files: Iterable[Path | None]) -> None:
    """Raise `AccessRefused` for a file that is a link out of the folder of its product."""
    inside = folder.resolve()
    for path in files:
        if path is not None and not path.resolve().is_relative_to(inside):
            must = f"{path} must lie in the folder of its product, and be no link out of it"
            raise OpenEOError("AccessRefused", must, got=str(path.resolve()), do="Copy the file there")


def _is_of_use(member: str, options: Options) -> bool:
    """Whether a member of a zip is metadata, or pixels that are wanted."""
    matched = _MEMBERS.fullmatch(member)
    if matched is None or matched[1] is None:
        return matched is not None
    return options.unpack and _is_wanted(stem(PurePosixPath(member)), options)


def _unpacked(path: Path, options: Options) -> Path:
    """Folder of the product in a zip, with its metadata, and its pixels if asked for, in the folder of the catalogue."""
    archive = Archive(path)
    names = [name for name in archive.names if _is_of_use(name, options)]
    tops = {PurePosixPath(name).parts[0] for name in names if name.count("/") and name.split("/")[0] != "annotation"}
    if len(tops) != 1 or not next(iter(tops)).upper().endswith(".SAFE"):
        must = f"{path} must hold one product, in a folder like S1A_IW_SLC__....SAFE"
        raise DataError("DataCorrupt", must, got=sorted(tops)[:5], do="Unpack it yourself, and name the folder")
    folder = options.out / UNPACKED / tops.pop()
    if folder.exists():
        raise OpenEOError("ProcessParameterInvalid", "Each product must be named once", got=str(path))
    archive.unpack(names, folder.parent)
    return folder
