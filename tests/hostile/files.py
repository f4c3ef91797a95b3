"""Small files that are not what they seem."""

import h5py
import numpy as np
import rasterio
from affine import Affine

GRID = Affine(20, 0, 500_000, 0, -20, 5_800_000)


def samples(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def tiff(path, data=None, **options):
    """A GeoTIFF; without `data` one that declares `width` and `height` and holds nothing."""
    kinds = {"driver": "GTiff", "count": 1, "dtype": "float32", "transform": GRID, "SPARSE_OK": True}
    if data is not None:
        kinds |= {"height": data.shape[0], "width": data.shape[1]}
    with rasterio.open(path, "w", **{**kinds, **options}) as file:
        if data is not None:
            file.write(data, 1)
    return path


def netcdf(path, data=None, **options):
    """A netCDF-4 file with the dims y, x and the variable `a`."""
    with h5py.File(path, "w") as file:
        shape = data.shape if data is not None else options["shape"]
        for name, size in zip("yx", shape, strict=True):
            file.create_dataset(name, data=np.arange(min(size, 10**6))).make_scale(name)
        file.create_dataset("a", data=data, **options)
        for axis, name in enumerate("yx"):
            file["a"].dims[axis].attach_scale(file[name])
    return path


def mutated(content, chance):
    """The bytes with one of: some bytes changed, a page zeroed, two pages swapped, an end cut off, a header zeroed."""
    changed, kind = bytearray(content), chance.integers(5)
    at, other = (int(n) for n in chance.integers(len(changed), size=2))
    if kind == 0:
        for place in chance.integers(len(changed), size=8):
            changed[place] = int(chance.integers(256))
    elif kind == 1:
        changed[at : at + 256] = bytes(len(changed[at : at + 256]))
    elif kind == 2:
        changed[at : at + 128], changed[other : other + 128] = changed[other : other + 128], changed[at : at + 128]
    elif kind == 3:
        del changed[at:]
    else:
        for place in chance.integers(min(512, len(changed)), size=4):
            changed[place] = int(chance.integers(256))
    return bytes(changed)
