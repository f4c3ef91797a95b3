"""Rasters on disk: the one reader and the one writer of GeoTIFF and of netCDF, and what keeps them from harm."""
