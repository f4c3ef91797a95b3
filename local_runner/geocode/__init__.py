"""Geocoding: a cube in radar geometry to a map grid, by the latitude and longitude of each sample.

This is `resample_spatial(method="geocode")`. The class behind that method on the CDSE back-end is not public, so what
follows is this project's own definition, and its numbers need not agree with the back-end's:

* The target grid has its cell edges on multiples of the resolution; y descends.
* A cell with at least 4 samples takes their mean, if their centroid lies within 0.2 cells of the cell centre in x and
  in y.
* Every other cell takes the source at its centre: of the four neighbouring samples (quad) that enclose the centre,
  the bilinear value, the place in the quad by the inverse of the bilinear map. Where several quads enclose it
  (layover), the first in range, then the first in azimuth.
* Where none encloses it, as at the border, a cell with at least 4 samples takes their mean, wherever they lie; all others
  are NaN, so that nothing is extrapolated.
* Samples are counted by their positions, so that all bands and dates treat a cell alike. A value that is not finite
  is left out of a mean; the mean is NaN where fewer than a quarter of the cell's values are finite or where the loss moves
  their centroid more than 0.2 cells off. A quad with a corner that is not finite gives NaN.

A linear field is met within 0.2 cells of the target in x and in y by means and exactly by quads, up to the float32 of the
positions; means at the border stand for the covered part of their cell, up to half a cell off.

Not here: terrain correction (positions must hold it already), radiometry, anti-aliasing where a cell holds fewer than 4
samples, interpolation over samples without position, categorical values (means of classes mean nothing).
"""

from __future__ import annotations

from local_runner.geocode.geocoding import geocode
from local_runner.geocode.grid import MAX_CELLS, TargetGrid, target_grid

__all__ = ["MAX_CELLS", "TargetGrid", "geocode", "target_grid"]
