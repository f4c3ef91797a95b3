"""Small GeoTIFFs in map geometry."""

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling

UTM = {"crs": "EPSG:32632", "transform": Affine(20, 0, 676000, 0, -20, 5144000)}


def write(path, values, *, overviews=(), nodata=np.nan, **georeference):
    """GeoTIFF (y, x) float32; returns `path`."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", nodata=nodata, **profile, **georeference) as dataset:
        dataset.write(values, 1)
        if overviews:
            dataset.build_overviews(overviews, Resampling.average)
    return path
