"""Stacks and items of ETAD products: on their own grid, and on the index grid of an SLC."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pystac

from local_runner.cube import iso
from local_runner.errors import OpenEOError
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.products import sentinel1_slc
from local_runner.products._driver import ChoiceEmptyError, Stack
from local_runner.products._items import asset, band, item
from local_runner.products.sentinel1_etad import shifts
from local_runner.products.sentinel1_etad.frame import PRODUCT, covering
from local_runner.products.sentinel1_etad.layers import GRADIENT, PHASE, POSITION, SECONDS, SUM
from local_runner.products.sentinel1_etad.reader import POLARIZATIONS
from local_runner.products.sentinel1_slc.acquisitions import stacks_of
from local_runner.products.sentinel1_slc.burst_id import relative_orbit
from local_runner.products.sentinel1_slc.items import ORBIT, item_of
from local_runner.products.sentinel1_slc.orbits import orbit_for, read_orbit_file
from local_runner.products.sentinel1_slc.safe import open_safe
from local_runner.stac import footprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from local_runner.products._driver import Options
    from local_runner.products.sentinel1_etad.reader import Etad, EtadBurst
    from local_runner.products.sentinel1_slc.acquisitions import Acquisition
    from local_runner.products.sentinel1_slc.orbits import OrbitFile
    from local_runner.stac.footprint import Ring

DRIVER_NAME: Final = "sentinel1_etad"
GROUP: Final = "openeo_sar:etad_group"
DATA: Final = "data"
ANNOTATION: Final = "slc_annotation"
"""Key of the annotation of the SLC, by which an item on the grid of an SLC is known."""
_NETCDF: Final = "application/x-netcdf"
_XML: Final = "application/xml"
_FIELDS: Final = {
    "license": "other",
    "keywords": ["SAR", "Sentinel-1", "ETAD"],
    "providers": [{"name": "ESA", "roles": ["producer", "licensor"], "url": "https://sentinels.copernicus.eu"}],
}


def on_own_grid(products: Sequence[Etad], options: Options) -> list[Stack]:
    """A stack of one item for each burst that is wanted."""
    known = [(product, burst) for product in products for burst in product.bursts]
    _require_choices([burst for _, burst in known], options)
    return [_own_stack(product, burst) for product, burst in known if _is_wanted(burst, options)]


def on_slc(products: Sequence[Etad], options: Options) -> list[Stack]:
    """A stack of one item for each burst of the SLC that is wanted, with the ETAD burst of its swath and time."""
    path = options.for_slc
    if path is None or not sentinel1_slc.recognise(path):
        must = f"--for must name a product of this kind: {sentinel1_slc.TITLE}"
        raise OpenEOError("ProcessParameterInvalid", must, got=str(path))
    files = [read_orbit_file(file) for file in options.orbits]
    dates = [date for stack in stacks_of([open_safe(path, options)], options) for date in stack]
    by_file = {product.file: product for product in products}
    bursts = [burst for product in products for burst in product.bursts]
    made = []
    for date in dates:
        burst = covering(bursts, date.annotation, date.burst.index)
        made.append(_slc_stack(by_file[burst.file], burst, _with_orbit(date, files) if files else date))
    return made


def _with_orbit(date: Acquisition, files: Sequence[OrbitFile]) -> Acquisition:
    return replace(date, orbit_file=orbit_for(files, date.annotation.platform, date.start, date.duration_s))


def _own_stack(product: Etad, burst: EtadBurst) -> Stack:
    start = burst.time_of(0)
    named = PRODUCT.match(burst.product_id)
    second = str(start.astype("datetime64[s]")).replace("-", "").replace(":", "")
    name = "_".join([*([named[1].lower()] if named else []), "etad", burst.swath.lower(), second])
    properties = {
        "start_datetime": iso(start),
        "end_datetime": iso(burst.time_of(burst.azimuth.size - 1)),
        **_of_sensor(burst),
        "proj:code": None,
        "proj:shape": list(burst.shape),
        "first_line": 0,
        "first_sample": 0,
        "line_interval_s": burst.azimuth.step_s,
        "slant_range_first_m": SPEED_OF_LIGHT_M_S / 2 * burst.range.start_s,
        "range_spacing_m": SPEED_OF_LIGHT_M_S / 2 * burst.range.step_s,
        **_of_product(product, burst),
    }
    bands = own_bands(burst)
    made = item(name, start, _outline(burst), properties, _assets(product, bands), driver=DRIVER_NAME)
    made.add_link(pystac.Link("derived_from", str(_main_file(product))))
    return Stack(
        id=name,
        title=f"Sentinel-1 ETAD {burst.swath} {start}",
        description=f"Timing corrections in seconds of {burst.group} of {product.folder.name}, on the grid of the product.",
        items=[made],
        roots=(product.folder,),
        fields=_FIELDS,
    )


def _slc_stack(product: Etad, burst: EtadBurst, date: Acquisition) -> Stack:
    of_slc = item_of(date.name, date, date)
    properties = {key: value for key, value in of_slc.properties.items() if not key.startswith("processing:")}
    properties |= {
        "product:type": "ETA",
        "openeo_sar:layers": list(SUM),
        "openeo_sar:phase_layers": [name if sign > 0 else f"-{name}" for name, sign in PHASE.items()],
        **_of_product(product, burst),
    }
    carrier = date.annotation.steering_rate_rad_s != 0
    of_carrier = ("deramp_phase",) if carrier else ()
    assets = _assets(product, [name for name in shifts.names(carrier=carrier) if name not in of_carrier])
    packed = date.annotation.path.suffix == ".gz"
    assets[ANNOTATION] = asset(
        date.annotation.path,
        "application/gzip" if packed else _XML,
        ["metadata"],
        bands=of_carrier,
        title="Annotation of the SLC",
    )
    assets |= {key: each for key, each in of_slc.assets.items() if key == ORBIT}
    made = item(of_slc.id, date.start, None, properties, assets, driver=DRIVER_NAME)
    made.geometry, made.bbox = of_slc.geometry, of_slc.bbox
    made.add_links([link for link in of_slc.links if link.rel == "derived_from"])
    made.add_link(pystac.Link("derived_from", str(_main_file(product))))
    folders = {image.folder for image in date.images.values()}
    return Stack(
        id=f"{date.name}_etad",
        title=f"Sentinel-1 ETAD for {date.name}",
        description=f"Shifts, phases and timing corrections of {product.folder.name}, on the index grid of the SLC.",
        items=[made],
        roots=(product.folder, *sorted(folders), *([date.orbit_file.path] if date.orbit_file else [])),
        fields=_FIELDS,
    )


def own_bands(burst: EtadBurst) -> list[str]:
    """Names of the bands on the grid of the product; the gradient only where it is there."""
    return [*POSITION, *SECONDS, *(name for name in GRADIENT if name in burst.variables)]


def _of_sensor(burst: EtadBurst) -> dict[str, Any]:
    """What the name of the SLC tells, where it is one."""
    known: dict[str, Any] = {
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "product:type": "ETA",
        "sar:frequency_band": "C",
        "sar:observation_direction": "right",
        "sar:beam_ids": [burst.swath],
    }
    if burst.reference_polarization in POLARIZATIONS:
        known["sar:polarizations"] = [burst.reference_polarization]
    named = PRODUCT.match(burst.product_id)
    if named:
        platform, mode, orbit = named[1].upper(), named[2].upper(), int(named[3])
        relative = relative_orbit(platform, orbit)
        known["platform"] = f"sentinel-{platform[1:].lower()}"
        known["sar:instrument_mode"] = "SM" if mode.startswith("S") else mode
        known["sat:absolute_orbit"] = orbit
        known |= {} if relative is None else {"sat:relative_orbit": relative}
    return known


def _of_product(product: Etad, burst: EtadBurst) -> dict[str, Any]:
    return {
        **({"processing:software": {"SETAP": product.processor_version}} if product.processor_version else {}),
        "openeo_sar:etad_product": product.folder.name,
        GROUP: burst.group,
        **({"openeo_sar:missing_layers": list(burst.lacking)} if burst.lacking else {}),
    }


def _assets(product: Etad, bands: Sequence[str]) -> dict[str, pystac.Asset]:
    """Files of a product; the bands stand at the netCDF file."""
    described = {"bands": [_band(name) for name in bands]}
    found = {
        DATA: asset(product.file, _NETCDF, ["data"], title="Timing corrections", fields=described),
        "annotation": asset(product.annotation, _XML, ["metadata"], title="Annotation of the ETAD product"),
    }
    if _main_file(product) != product.file:
        found["manifest"] = asset(_main_file(product), _XML, ["metadata"], title="Manifest of the ETAD product")
    return found


def _band(name: str) -> dict[str, Any]:
    """A band with what its name tells; layers are in seconds."""
    if name == shifts.PHASE_CORRECTION:
        return band(name) | {"unit": "rad", "description": "phase by which an image moved in range is multiplied"}
    if name in SECONDS or name in GRADIENT:
        layer, _, way = name.rpartition("_")
        text = f"timing correction in {way}: {layer.replace('_', ' ')}"
        return band(name) | {"unit": "s/m" if name in GRADIENT else "s", "description": text}
    return band(name)


def _main_file(product: Etad) -> Path:
    manifest = product.folder / "manifest.safe"
    return manifest.resolve() if manifest.is_file() else product.file.resolve()


def _outline(burst: EtadBurst) -> Ring | None:
    """Outline of the grid by its positions."""
    rows, columns = (footprint.sample_positions(size) for size in burst.shape)
    latitude, longitude = (burst.layer(name)[np.ix_(rows, columns)] for name in ("grid_lat", "grid_lon"))
    return footprint.of_samples(latitude, longitude)


def _is_wanted(burst: EtadBurst, options: Options) -> bool:
    swath = not options.swaths or burst.swath in {text.upper() for text in options.swaths}
    return swath and (not options.bursts or any(_is(burst, text) for text in options.bursts))


def _is(burst: EtadBurst, text: str) -> bool:
    """Whether a burst is meant: by its group, or by its number in the product."""
    return text.lower() == burst.group.lower() or text == str(burst.index)


def _require_choices(bursts: Iterable[EtadBurst], options: Options) -> None:
    """Raise where a swath or burst is chosen that no product has."""
    several = list(bursts)
    swaths, groups = (tuple(dict.fromkeys(each)) for each in zip(*((b.swath, b.group) for b in several), strict=True))
    for text in options.swaths:
        if text.upper() not in swaths:
            must = f"--swath must be one of {swaths}, which the products have"
            raise ChoiceEmptyError("ProcessParameterInvalid", must, got=text)
    for text in options.bursts:
        if not any(_is(burst, text) for burst in several):
            must = f"--burst must be the number of a burst of the product, or its group, one of {groups}"
            raise ChoiceEmptyError("ProcessParameterInvalid", must, got=text)
