"""openeo-sar's executor: runs openEO process graphs on labelled xarray/dask cubes, STAC in and STAC out."""
