"""The files behind the items: each opened once, GeoTIFF, netCDF or by the driver of its item, with the grid that it has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from local_runner.access import is_remote
from local_runner.errors import DataError
from local_runner.files import netcdf_reader, raster
from local_runner.files.netcdf_reader import NetcdfHeader
from local_runner.products import is_driven, open_item
from local_runner.stac import grid as grids
from local_runner.stac.bands import addresses, driven_layers, is_netcdf, layers

if TYPE_CHECKING:
    import dask.array as da
    import numpy as np

    from local_runner.access import Access
    from local_runner.files.raster import Header
    from local_runner.products import Product
    from local_runner.stac.bands import Layer
    from local_runner.stac.walk import Found


@dataclass
class Source:
    """Files opened so far, each header once; `driven`: items that a driver opens, by the address of their layers."""

    access: Access
    headers: dict[str, Header | NetcdfHeader] = field(default_factory=dict)
    driven: dict[str, Found] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)

    def layers(self, found: Found, plane: int) -> dict[str, Layer]:
        """Bands of an item by name; `plane`: their place on `t` in netCDF."""
        if is_driven(found):
            known = driven_layers(found)
            self.driven |= {layer.href: found for layer in known.values()}
            return known
        known = layers(found, self.header, self.access.resolve)
        return {name: replace(layer, plane=plane) for name, layer in known.items()} if plane else known

    def product(self, href: str) -> Product:
        """Item opened by its driver, once."""
        if href not in self.products:
            self.products[href] = open_item(self.driven[href], self.access)
        return self.products[href]

    def header(self, href: str) -> Header | NetcdfHeader:
        """Header of a file, by what it is and not by what it is called."""
        if href not in self.headers:
            path = self.access.open_path(href)
            reader = netcdf_reader if netcdf_reader.is_netcdf(path) else raster
            self.headers[href] = reader.read_header(path)
        return self.headers[href]

    def grid(self, href: str) -> grids.Grid:
        """Grid of a file."""
        if href in self.driven:
            return self.product(href).grid
        header = self.header(href)
        return grids.of_netcdf(header) if isinstance(header, NetcdfHeader) else grids.of_header(header)

    def require_same(self, first: str, other: str) -> None:
        """Raise `GridsDiffer` unless two files have the same cells."""
        grids.require_same(self._name(first), self.grid(first), self._name(other), self.grid(other))

    def _name(self, href: str) -> str:
        return self.driven[href].id if href in self.driven else self.header(href).path.name

    def planes(self, found: Found) -> list[tuple[np.datetime64, int]]:
        """Time and place on `t` of what an item holds: the labels of a netCDF file with several, else its own time."""
        if is_driven(found):
            return [(found.time(), 0)]
        for key, href in addresses(found, self.access.resolve):
            header = self.header(href) if is_netcdf(key, found.assets[key]) else None
            if isinstance(header, NetcdfHeader) and header.times.size > 1:
                return [(time, plane) for plane, time in enumerate(header.times)]
        return [(found.time(), 0)]

    def array(self, layer: Layer) -> da.Array:
        """Band (y, x), rows in the order of the grid."""
        if layer.href in self.driven:
            return self._of_product(layer)
        header = replace(self.header(layer.href), checksum=layer.checksum)
        actual = header.path.stat().st_size
        if layer.size is not None and actual != layer.size and not is_remote(layer.href):
            must = f"{header.path} must have {layer.size} bytes, its file:size"
            raise DataError("DataCorrupt", must, got=actual, do="Make or download the file again")
        data = _netcdf(header, layer) if isinstance(header, NetcdfHeader) else _geotiff(header, layer)
        return data[::-1] if self.grid(layer.href).flipped else data

    def _of_product(self, layer: Layer) -> da.Array:
        bands = self.product(layer.href).bands
        if layer.name not in bands:
            must = f"Item {self.driven[layer.href].id} must name bands that its product has, which are {tuple(bands)}"
            raise DataError("DataCorrupt", must, got=layer.name, do="Make the catalogue again with `openeo-sar stac`")
        return bands[layer.name]()

    def select(self, latitude: Layer, longitude: Layer, box: grids.Box) -> tuple[slice, slice]:
        """Rows and columns of the smallest index box that covers a box in degrees; reads both bands."""
        return grids.select_radar(self.array(latitude), self.array(longitude), box)

    def outline(self, found: Found) -> dict[str, Any]:
        """What a cube keeps of an item beside its id, address and properties.

        Of a product its footprint: the positions that would tell it are not always loaded. Of others the pixels tell all.
        """
        return {name: found.item.get(name) for name in ("geometry", "bbox")} if is_driven(found) else {}


def _netcdf(header: NetcdfHeader, layer: Layer) -> da.Array:
    return netcdf_reader.open_variable(header, layer.variable, layer.plane)


def _geotiff(header: Header, layer: Layer) -> da.Array:
    if layer.index > header.count:
        must = f"{header.path} must have band {layer.index} ({layer.name!r} of its metadata)"
        raise DataError("DataCorrupt", must, got=f"{header.count} bands", do="Repair the item")
    bands = range(1, header.count + 1) if header.pixel_interleaved else [layer.index]
    return raster.open_bands(header, list(bands))[layer.index - 1 if header.pixel_interleaved else 0]
