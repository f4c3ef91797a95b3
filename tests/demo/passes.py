"""Two small passes for the tests of the simulator: grids of their annotations, and relief about their middle."""

from dataclasses import replace

import numpy as np

from local_runner.demo.interferometry import image_of
from local_runner.demo.relief import write_relief
from local_runner.demo.safe import Product, later, write_safe
from local_runner.geometry.range_doppler import forward

PRODUCT = Product(lines=96, samples=256, bursts=1, valid=(0, 0))
SECONDARY = later(PRODUCT, across_m=60.0)


def image(folder, product=PRODUCT):
    """The first burst of a product, of which only the annotation is written."""
    return image_of(write_safe(folder, replace(product, has_pixels=False)), product.swaths[0], "VV", 0)


def relief(folder, height, *images, cell_deg=1 / 1200):
    """A DEM of `height` (east, north of the middle of the first image, in m) around images."""
    grid = images[0].grid
    south, west = (float(degrees) for degrees in forward(grid, *grid.mid, 1000.0))

    def at(latitude, longitude):
        return height((longitude - west) * 111_320 * np.cos(np.radians(south)), (latitude - south) * 111_320)

    return write_relief(folder / "dem.tif", [each.grid for each in images], at, cell_deg)


def hills(east, north):
    """2000 m of relief, slopes up to 35 degrees."""
    return 1100 + 1000 * np.cos(2 * np.pi * east / 9000) * np.cos(2 * np.pi * north / 15_000)
