"""One small product for each driver, made by the writers of its tests: `SAMPLES[driver](folder)` returns its path.

A driver without an entry fails `test_drivers.py`.
"""

import inspect

from local_runner.demo import etad, safe
from tests.products import hdf5_files, raster_folders


def cloudinsar(folder):
    return raster_folders.cloudinsar(folder / "cloudinsar")


def geogrid(folder):
    return raster_folders.geogrid(folder / "geogrid_20230319")


def geotiff_folder(folder):
    given = folder / "amplitude"
    given.mkdir()
    for time in raster_folders.TIMES:
        raster_folders.radar(given / f"amplitude_{time[:8]}.tif", raster_folders.slc(time, "i_VV"))
    return given


def its_live(folder):
    hdf5_files.granule(folder / "granule.nc")
    return folder / "granule.nc"


def mosart(folder):
    hdf5_files.amplitude_stack(folder / "stack.h5")
    return folder / "stack.h5"


def opera_cslc(folder):
    return hdf5_files.cslc(folder / "cslc.h5")


def sentinel1_etad(folder):
    name = "S1A_IW_ETA__AXDV_20240809T170739_20240809T170806_055139_06B8A7_256B.SAFE"
    return etad.write_for(folder / name, sentinel1_slc(folder))


def sentinel1_slc(folder):
    return safe.write_safe(folder, safe.Product(bursts=1))


SAMPLES = {name: made for name, made in list(globals().items()) if inspect.isfunction(made)}
