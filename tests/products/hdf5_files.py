"""Small synthetic HDF5 products: CSLC of OPERA in both layouts, static layers, stacks of MoSARt, granules of ITS_LIVE."""

import h5py
import netCDF4
import numpy as np
from pyproj import CRS

from local_runner.access import Access
from local_runner.products import Options, Product, drivers
from local_runner.stac.walk import Found

H, W = 300, 20
BURST = "t064_135523_iw2"
X, Y = 500_002.5 + 5.0 * np.arange(W), 3_850_005.0 - 10.0 * np.arange(H)
NEW = ("data", "identification", "metadata/processing_information/input_burst_metadata")
OLD_ROOT = "science/SENTINEL1"
OLD = (
    f"{OLD_ROOT}/CSLC/grids",
    f"{OLD_ROOT}/identification",
    f"{OLD_ROOT}/CSLC/metadata/processing_information/s1_burst_metadata",
)
OLD_STATIC = (f"{OLD_ROOT}/CSLC/grids/static_layers", *OLD[1:])
POLYGON = "POLYGON ((-118.0 34.70, -117.9 34.72, -117.9 34.80, -118.0 34.78, -118.0 34.70))"


def samples(seed=0, shape=(H, W)):
    """Complex samples, NaN in the first column: outside of the burst."""
    parts = np.random.default_rng(seed).standard_normal((2, *shape)).astype(np.float32)
    values = parts[0] + 1j * parts[1]
    values[:, 0] = complex(np.nan, np.nan)
    return values


def phases(seed=0, shape=(H, W)):
    """Phases in (-pi, pi), float64."""
    return np.random.default_rng(seed).uniform(-3.14, 3.14, shape)


def cslc(path, day="2021-01-09", *, layout=NEW, seed=0, polarizations=("VV",), burst=BURST, x=X, y=Y, **changes):
    """A CSLC; `changes` replace data sets of the identification."""
    bands = {pol: samples(seed + at, (y.size, x.size)) for at, pol in enumerate(polarizations)}
    bands |= {
        name: phases(at, (y.size, x.size)) for at, name in enumerate(("azimuth_carrier_phase", "flattening_phase"))
    }
    return _burst(path, layout, bands, day, burst, x, y, {"product_type": "CSLC-S1", **changes})


def static_layers(path, *, layout=NEW, burst=BURST, x=X, y=Y, **changes):
    """Static layers of a burst; east and north of the line of sight are .625 and -.119."""
    shape = (y.size, x.size)
    mask = np.zeros(shape, np.int8)
    mask[0, :3] = (1, 2, 127)
    bands = {
        "los_east": np.full(shape, 0.625, np.float32),
        "los_north": np.full(shape, -0.119, np.float32),
        "local_incidence_angle": np.full(shape, 40, np.float32),
        "layover_shadow_mask": mask,
    }
    return _burst(path, layout, bands, "2014-04-03", burst, x, y, {"product_type": "CSLC-S1-STATIC", **changes})


def _burst(path, layout, bands, day, burst, x, y, identification):
    grid, identity, metadata = layout
    known = {
        "burst_id": burst,
        "bounding_polygon": POLYGON,
        "orbit_pass_direction": "Ascending",
        "look_direction": "Right",
        "track_number": 64,
        "absolute_orbit_number": 36_000,
        "mission_id": "S1A",
        "zero_doppler_start_time": f"{day} 01:52:30.123456",
        "zero_doppler_end_time": f"{day} 01:52:33.200000",
        **identification,
    }
    with h5py.File(path, "w") as file:
        for name, data in bands.items():
            chunks = (min(128, y.size), min(128, x.size))
            file.create_dataset(f"{grid}/{name}", data=data, chunks=chunks, compression="gzip", shuffle=True)
        file[f"{grid}/x_coordinates"], file[f"{grid}/y_coordinates"] = x, y
        file[f"{grid}/x_spacing"], file[f"{grid}/y_spacing"] = x[1] - x[0], y[1] - y[0]
        file[f"{grid}/projection"] = np.int32(32611)
        for name, value in known.items():
            if value is not None:
                file[f"{identity}/{name}"] = np.bytes_(value) if isinstance(value, str) else value
        file[f"{metadata}/sensing_start"] = f"{day} 01:52:30.123456"
        file[f"{metadata}/wavelength"], file[f"{metadata}/radar_center_frequency"] = 0.05546576, 5.405e9
        file[f"{metadata}/platform_id"], file[f"{metadata}/polarization"] = "S1A", "VV"
    return path


def amplitude_stack(path, days=("20160721", "20160814"), without=(), shape=(H, W)):
    """Amplitudes of some days with DEM, positions, gradient and standard deviation; returns what was written by name."""
    rng = np.random.default_rng(0)
    line, sample = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    data = {day: rng.rayleigh(size=shape).astype(np.float32) for day in days}
    data |= {"dem": 10 * sample, "lat": 54.7 + 1e-3 * line, "lon": -164 + 1e-3 * sample + 1e-4 * line}
    data |= {"grad": np.full(shape, 10.0), "std": np.ones(shape, np.float32)}
    data = {name: values for name, values in data.items() if name not in without}
    with h5py.File(path, "w") as file:
        for name, values in data.items():
            file[name] = values
    return data


GRANULE_X, GRANULE_Y = 400_140.0 + 120 * np.arange(W), 6_600_060.0 - 120 * np.arange(H)
FACTOR = 70.8575391973598
VELOCITY = np.arange(H * W).reshape(H, W) % 500
STORED_MATRIX = np.arange(H * W).reshape(H, W) % 101 - 50
"""101 levels, as autoRIFT up to 1.5.0 packs a matrix."""
SCALE, OFFSET = np.float32(0.0002382158), np.float32(0.009221043)


def granule(
    path, *, packed=True, time=False, pair=True, factor=FACTOR, matrix=STORED_MATRIX, dates=("20170203", "20170215")
):
    """A granule: velocities as int16, matrices packed or float32, the first cell of all without data.

    `packed="truncated"`: matrices as int16 without scale and offset, as production wrote them for a while.
    """
    with netCDF4.Dataset(path, "w") as file:
        file.autoRIFT_software_version = "1.5.0"
        sizes = {"time": None, "y": H, "x": W} if time else {"y": H, "x": W}
        for name, size in sizes.items():
            file.createDimension(name, size)
        for name, values in (("x", GRANULE_X), ("y", GRANULE_Y)):
            file.createVariable(name, "f8", (name,))[:] = values
        mapping = file.createVariable("mapping", "i1")
        mapping.spatial_epsg, mapping.crs_wkt = 32635, CRS.from_epsg(32635).to_wkt()
        if pair:
            _pair(file.createVariable("img_pair_info", "i1"), dates)
        for name in ("vx", "vy", "v", "vr"):
            _variable(file, sizes, name, "i2", -32767, VELOCITY)
        size = _variable(file, sizes, "chip_size_width", "u2", 0, np.full((H, W), 240))
        size.range_pixel_size = 2.329562114715323
        mask = _variable(file, sizes, "interp_mask", "u1", 0, VELOCITY % 2, blank=1)
        mask.flag_values = np.array([0, 1], "u1")
        decoded = matrix * np.float64(SCALE) + np.float64(OFFSET)
        values = matrix if packed is True else decoded
        for name in ("M11", "M12"):
            made = _variable(file, sizes, name, "i2" if packed else "f4", -32767, values)
            made.dr_to_vr_factor = factor
            if packed is True:
                made.scale_factor, made.add_offset = SCALE, OFFSET
    return path


def _pair(variable, dates):
    for number, day in enumerate(dates, start=1):
        variable.setncattr(f"acquisition_date_img{number}", f"{day}T16:21:0{7 - number}.000000")
        variable.setncattr(f"mission_img{number}", "S")
        variable.setncattr(f"satellite_img{number}", "1A")
        variable.setncattr(f"flight_direction_img{number}", "ascending")
    variable.date_dt = 11.999995787


def _variable(file, sizes, name, kind, fill, values, blank=None):
    made = file.createVariable(name, kind, tuple(sizes), fill_value=fill, zlib=True, shuffle=True)
    made.set_auto_maskandscale(False)
    stored = np.array(values, dtype=kind)
    stored[0, 0] = fill if blank is None else blank
    made[:] = stored[np.newaxis] if "time" in sizes else stored
    return made


def stacks(name, *paths, **options):
    """What a driver makes of products."""
    return drivers()[name].stacks(list(paths), Options(out=paths[0].parent / "cat", **options))


def opened(item, folder, **changes) -> Product:
    """An item of a driver, opened as `load_stac` does."""
    document = item.to_dict(include_self_link=False, transform_hrefs=False)
    document["properties"] |= changes
    name = document["properties"]["openeo_sar:driver"]
    return drivers()[name].open_item(Found(document, str(folder / "item.json")), Access(roots=(folder,)))
