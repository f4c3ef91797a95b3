"""OPERA and COMPASS CSLC: coregistered, geocoded Sentinel-1 bursts in HDF5, and their static layers.

One stack per burst, one item per date, with the bands `i_<POL>`, `q_<POL>`, `azimuth_carrier_phase`, `flattening_phase` (rad,
wrapped) and, by the static layers of the same burst, `los_east`, `los_north` (unit vector ground to sensor),
`local_incidence_angle` (degree) and `layover_shadow_mask`. The azimuth carrier is in the data; ellipsoid and topography are
removed. Outside of the burst all are NaN. Not here: removing the carrier, timing corrections, calibration tables.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np

from local_runner.cube import iso
from local_runner.errors import DataError
from local_runner.files import hdf5
from local_runner.products import _hdf5, _items
from local_runner.products._driver import ChoiceEmptyError, Options, Product, Stack
from local_runner.products._rasters import day_of
from local_runner.products.opera_cslc.header import POLARIZATIONS, Header, Layer, is_identified, layout_of, read_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pystac
    from numpy.typing import NDArray

    from local_runner.access import Access
    from local_runner.stac.walk import Found

TITLE: Final = "OPERA or COMPASS CSLC, or its static layers: an .h5 file"
_NAME: Final = "opera_cslc"
_DATA: Final = "data"
_STATIC: Final = "static_layers"
_FILE: Final = re.compile(
    r"OPERA_L2_CSLC-S1.*\.h5|(static_layers_)?t\d{3}_\d{6}_iw[1-3](_\d{8})?(_[VH]{2})?\.h5", re.IGNORECASE
)


def recognise(path: Path) -> bool:
    """Whether a path is a CSLC: by the name that OPERA and COMPASS give, even if it is damaged, or by its data sets."""
    if _FILE.fullmatch(path.name) and path.is_file():
        return True
    holds = hdf5.names(path).__contains__
    layout = layout_of(holds)
    return layout is not None and is_identified(layout, holds)


def stacks(paths: Sequence[Path], options: Options) -> list[Stack]:
    """One stack per burst, sorted; static layers whose burst has no date are a stack of their own.

    Raises what `read_header` raises, `GridsDiffer`, `DatesNotUnique`, `PolarizationsDiffer`, each naming the files, and
    `NoDataAvailable` where the options leave nothing, `ProcessParameterInvalid` for a polarisation that no file has.
    """
    known = [read_header(path) for path in paths]
    _require_polarizations(known, options)
    headers = [header for header in known if _is_wanted(header, options)]
    bursts: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        bursts[header.burst_id].append(header)
    if not bursts:
        there = sorted({" ".join((header.burst_id, *header.polarizations)) for header in known})
        must = f"--burst, --swath and --polarization must leave one of {tuple(there)}"
        got = (*options.bursts, *options.swaths, *options.polarizations)
        raise ChoiceEmptyError("NoDataAvailable", must, got=got)
    return [_stack(burst, bursts[burst], options) for burst in sorted(bursts)]


def open_item(found: Found, access: Access) -> Product:
    """Grid and bands of an item; all files of it must have one grid."""
    headers: list[Header] = []
    bands = {}
    for key, asset in found.assets.items():
        names = _hdf5.bands_of(asset)
        if not names:
            continue
        header = read_header(_hdf5.path_of(found, key, access))
        headers.append(header)
        for name in names:
            if name not in header.layers:
                raise _hdf5.no_band(found, key, header.path, header.layers, name)
            bands[name] = partial(_array, header, header.layers[name])
    if not headers:
        raise DataError("DataCorrupt", f"Item {found.id} must have an asset with bands", got=tuple(found.assets))
    _hdf5.require_one_grid((header.path, header.grid) for header in headers)
    return Product(headers[0].grid, bands)


def _is_wanted(header: Header, options: Options) -> bool:
    bursts = [burst.lower().replace("-", "_") for burst in options.bursts]
    swaths = [swath.lower() for swath in options.swaths]
    burst = not bursts or header.burst_id in bursts
    swath = not swaths or header.burst_id.rpartition("_")[2] in swaths
    return burst and swath and (not header.polarizations or bool(_polarizations(header, options)))


def _require_polarizations(headers: Sequence[Header], options: Options) -> None:
    """Raise where no CSLC has a wanted polarisation: static layers, which have none, would be left alone."""
    there = tuple(sorted({name for header in headers for name in header.polarizations}))
    unknown = [name for name in options.polarizations if there and name.upper() not in there]
    if unknown:
        must = f"--polarization must be one of {there}, which the products have"
        raise ChoiceEmptyError("ProcessParameterInvalid", must, got=unknown[0])


def _polarizations(header: Header, options: Options) -> tuple[str, ...]:
    wanted = {name.upper() for name in options.polarizations} or set(POLARIZATIONS)
    return tuple(name for name in header.polarizations if name in wanted)


def _stack(burst: str, headers: Sequence[Header], options: Options) -> Stack:
    _hdf5.require_one_grid((header.path, header.grid) for header in headers)
    static = [header for header in headers if not header.polarizations]
    if len(static) > 1:
        must = f"Burst {burst} must have one file of static layers, not {static[0].path} and {static[1].path}"
        raise DataError("DatesNotUnique", must, do="Name one of them")
    dates: dict[str, list[Header]] = defaultdict(list)
    for header in sorted(headers, key=lambda each: (each.start, each.polarizations)):
        if header.polarizations:
            dates[day_of(header.start)].append(header)
    _require_alike(dates, options)
    name = burst if dates else f"{burst}_{_STATIC}"
    members = dates or {day_of(static[0].start): []}
    items = [_item(f"{name}_{day}", each, static, options) for day, each in members.items()]
    roots = tuple(header.path.resolve() for header in headers)
    return Stack(name, f"CSLC {burst}", _description(burst, headers), items, roots, {"openeo_sar:burst_id": burst})


def _require_alike(dates: dict[str, list[Header]], options: Options) -> None:
    """Raise unless no date has a polarisation twice, and all dates have the same ones."""
    first: tuple[Header, set[str]] | None = None
    for day, headers in dates.items():
        held = [name for header in headers for name in _polarizations(header, options)]
        paths = " and ".join(str(header.path) for header in headers)
        if len(held) > len(set(held)):
            must = f"A date must have one file per polarisation; {day} has {paths}"
            raise DataError("DatesNotUnique", must, got=held, do="Name one of them")
        first = first or (headers[0], set(held))
        if set(held) != first[1]:
            must = f"All dates of a burst must have the polarisations of {first[0].path}, {tuple(sorted(first[1]))}"
            do = "Choose by --polarizations, or make a catalogue for each"
            raise DataError("PolarizationsDiffer", f"{must}; {paths} must too", got=tuple(held), do=do)


def _item(name: str, headers: Sequence[Header], static: Sequence[Header], options: Options) -> pystac.Item:
    every = (*headers, *static)
    main = every[0]
    held = [pol for header in headers for pol in _polarizations(header, options)]
    properties = {**main.properties, **_hdf5.projection(main.grid)}
    properties |= {"start_datetime": iso(main.start), "end_datetime": iso(main.end)}
    if held:
        properties["sar:polarizations"] = held
    assets: dict[str, pystac.Asset] = {}
    taken: set[str] = set()
    for header in every:
        names = [name for name in _offered(header, held) if name not in taken]
        taken |= set(names)
        key = _DATA if len(headers) == 1 else "_".join((_DATA, *header.polarizations)).lower()
        key = key if header.polarizations else _STATIC
        assets[key] = _items.asset(header.path, hdf5.MEDIA_TYPE, ["data"], bands=names)
    made = _items.item(name, main.start, main.ring, properties, assets, driver=_NAME)
    return _hdf5.derive(made, (header.path for header in every))


def _offered(header: Header, polarizations: Sequence[str]) -> list[str]:
    """Bands of a file without those of other polarisations."""
    return [name for name, layer in header.layers.items() if layer.part not in ("i", "q") or name[2:] in polarizations]


def _description(burst: str, headers: Sequence[Header]) -> str:
    dx, dy = _hdf5.steps(headers[0].grid)
    return f"Geocoded SLC of burst {burst}, cells of {dx:g} m by {dy:g} m, azimuth carrier in the data, flattened."


def _array(header: Header, layer: Layer) -> da.Array:
    """Band (y, x), float32; i and q of one data set share its chunks."""
    shape = (int(header.grid.y.size), int(header.grid.x.size))
    source = hdf5.Rows(header.path, layer.dataset, nodata=layer.nodata, raw=bool(layer.part))
    rows = hdf5.open_rows(source, shape)
    if not layer.part:
        return rows
    blank = np.empty((0, 0), np.float32)
    return da.map_blocks(_PARTS[layer.part], rows, dtype=np.float32, meta=blank)


def _real(samples: NDArray[np.complexfloating[Any, Any]]) -> NDArray[np.float32]:
    """Real part, NaN where either part is."""
    return np.where(np.isnan(samples), np.float32(np.nan), samples.real.astype(np.float32))


def _imaginary(samples: NDArray[np.complexfloating[Any, Any]]) -> NDArray[np.float32]:
    """Imaginary part, NaN where either part is."""
    return np.where(np.isnan(samples), np.float32(np.nan), samples.imag.astype(np.float32))


def _wrapped(phase: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Phase in (-pi, pi], wrapped in float64; a phase that lies there stays as it is."""
    values = phase.astype(np.float64)
    return (values - 2 * np.pi * np.ceil((values - np.pi) / (2 * np.pi))).astype(np.float32)


_PARTS: Final = {"i": _real, "q": _imaginary, "phase": _wrapped}
