import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.stac.catalogues import LATITUDE, LONGITUDE, asset, collection, item, noise, tiff

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "stac-schemas" / "extensions"


@pytest.fixture
def stack(tmp_path):
    """Two dates with one band each, `i_VV` of noise 0 and 1, and `grid_lat`, `grid_lon` at the first date."""
    tiff(tmp_path / "lat.tif", LATITUDE[::-1])
    tiff(tmp_path / "lon.tif", LONGITUDE[::-1])
    items = []
    for seed, moment in enumerate(("2024-08-09T17:07:39Z", "2024-08-21T17:07:39.5Z")):
        tiff(tmp_path / f"i{seed}.tif", noise(seed)[::-1])
        items.append(item(f"d{seed}", moment, {"i": asset(f"./i{seed}.tif", "i_VV")}, platform="sentinel-1a"))
    items[0]["assets"] |= {"lat": asset("./lat.tif", "grid_lat"), "lon": asset("./lon.tif", "grid_lon")}
    return collection(tmp_path, items)


@pytest.fixture(scope="session")
def validate():
    """Checks a document against the core schemas of pystac and those of its extensions, without network."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"{SCHEMAS} is not there")
    extensions = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")]
    named = {document["$id"].rstrip("#"): document for document in extensions} | get_local_schema_cache()
    named["https://proj.org/schemas/v0.7/projjson.schema.json"] = {"type": "object"}
    registry = Registry().with_resources(
        (uri, Resource.from_contents(document, default_specification=DRAFT7)) for uri, document in named.items()
    )
    core = "https://schemas.stacspec.org/v1.1.0/{0}-spec/json-schema/{0}.json"

    def check(document):
        kind = {"Feature": "item", "Collection": "collection"}[document["type"]]
        for uri in (core.format(kind), *document.get("stac_extensions", [])):
            errors = list(Draft7Validator(named[uri], registry=registry).iter_errors(document))
            assert not errors, (uri, errors[0].message)

    return check
