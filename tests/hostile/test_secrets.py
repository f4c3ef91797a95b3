"""Passwords, signatures and tokens do not come out again: not in errors, not in results, records and logs."""

import json
import logging

import numpy as np
import pytest

from local_runner.access import Access, public_href, resolve
from local_runner.errors import DataError, OpenEOError
from local_runner.jobs.run import run
from tests.graphs import graph, parameter
from tests.stac.catalogues import asset, item, noise, tiff, write

CANARY = "c4naryc4naryc4nary"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIi{CANARY}.{CANARY}"
SECRETS = {
    "user and password": f"https://user:{CANARY}@example.org/a.tif",
    "user": f"https://{CANARY}@example.org/a.tif",
    "password of another scheme": f"s3://key:{CANARY}@bucket/a.tif",
    "signature of Amazon": f"https://example.org/a.tif?X-Amz-Credential=x&X-Amz-Signature={CANARY}",
    "token of Amazon": f"https://example.org/a.tif?x-amz-security-token={CANARY}",
    "signature of Azure": f"https://example.org/a.tif?se=2026&sp=r&sig={CANARY}",
    "signature of Google": f"https://example.org/a.tif?X-Goog-Signature={CANARY}",
    "access token": f"https://example.org/a.tif?access_token={CANARY}",
    "token": f"https://example.org/a.tif?token={CANARY}&x=1",
    "key of an API": f"https://example.org/a.tif?api_key={CANARY}",
    "fragment": f"https://example.org/a.tif#{CANARY}",
    "token of a scheme that is refused": f"ftp://example.org/a.tif?token={CANARY}",
    "bearer": f"Authorization: Bearer {CANARY}123",
    "basic": f"Authorization: Basic {CANARY}123==",
    "JSON web token": JWT,
}
HREFS = [text for text in SECRETS.values() if "://" in text]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("kind", [OpenEOError, DataError])
def test_errors_tell_no_secret(name, kind):
    text = SECRETS[name]
    for error in (
        kind("Code", f"{text} must hold"),
        kind("Code", "It must hold", got=text),
        kind("Code", "It must hold", got={"url": text, "more": [text]}),
        kind("Code", "It must hold", do=f"Look at {text}"),
        kind("Code", f"It must hold (server said: {text})"),
    ):
        assert CANARY not in str(error)
        assert "example.org" in str(error) or "example.org" not in text


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("href", HREFS)
def test_access_tells_no_secret(href):
    for function in (
        Access().read_json,
        Access().open_path,
        Access(hosts=("other.org",)).checked_url,
        lambda given: resolve(given, "https://other.org/c/item.json"),
    ):
        with pytest.raises(OpenEOError, match=r"^AccessRefused: ") as caught:
            function(href)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("href", [href for href in HREFS if href.startswith("https")])
def test_public_addresses_hold_no_secret(href):
    assert public_href(href) == "https://example.org/a.tif"


def catalogue(folder, href):
    """An item of a back-end, whose file was downloaded beside it."""
    tiff(folder / "a.tif", noise(), crs=None)
    properties = {"platform": "sentinel-1a", "source": href, "notes": [href]}
    found = item("a", "2024-08-09T00:00:00Z", {"a": asset(href, "a")}, **properties)
    found["links"] = [{"rel": "self", "href": href}, {"rel": "derived_from", "href": href}]
    return write(folder, "a.json", found)


@pytest.mark.parametrize(
    "name", ["user and password", "signature of Amazon", "signature of Azure", "access token", "token"]
)
def test_a_run_writes_no_secret(tmp_path, caplog, name):
    href, folder = SECRETS[name], tmp_path / "in"
    folder.mkdir()
    data = {"name": "data", "schema": {"type": "object", "subtype": "datacube"}}
    given = {"name": "url", "schema": {"type": "string"}, "optional": True, "default": href}
    nodes = graph(a=("absolute", {"x": parameter("url")}), b=("apply", {"data": parameter("data")}))
    inner = {"process_graph": graph(c=("absolute", {"x": parameter("x")}))}
    nodes = graph(b=("apply", {"data": parameter("data"), "process": inner, "context": {"url": href, "token": JWT}}))
    process = {"id": "plain", "description": f"see {href}", "parameters": [data, given], "process_graph": nodes}
    with caplog.at_level(logging.DEBUG):
        run(
            process,
            {"url": href},
            inputs={"data": catalogue(folder, href)},
            out=tmp_path / "out",
            profile="specification",
            quicklooks=False,
        )
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"record.json", "collection.json", "README.md"} <= set(written)
    assert [file for file, content in written.items() if CANARY.encode() in content] == []
    assert CANARY not in caplog.text
    assert json.loads(written["record.json"])["files"]
    assert np.all([len(content) for content in written.values()])
