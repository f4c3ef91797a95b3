"""Hostile addresses of catalogues, items and assets: refused before a socket or a file is opened."""

import os
import socket
import types

import pytest

from local_runner import remote
from local_runner.access import Access, locate, public_href, resolve
from local_runner.errors import DataError, LimitExceededError, OpenEOError
from local_runner.stac.read import load
from tests.hostile.server import served
from tests.stac.catalogues import asset, item, write

LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "2130706433", "0", "0.0.0.0",
    "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "ip6-localhost", "127.0.0.1.", "①②⑦.0.0.1", "127。0。0。1",
)  # fmt: skip
PRIVATE = (
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200",
    "metadata.google.internal", "[fd00:ec2::254]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[2002:a9fe:a9fe::]",
    "2852039166", "0xa9fea9fe", "169.16689662", "255.255.255.255", "224.0.0.1", "198.18.0.1",
)  # fmt: skip
CONFUSING = (
    "https://example.org@127.0.0.1/a.tif",
    "https://example.org:443@127.0.0.1/a.tif",
    "https://user:secret@example.org/a.tif",
    "https://example.org\\@127.0.0.1/a.tif",
    "https://127.0.0.1\\.example.org/a.tif",
    "https://127.0.0.1#@example.org/a.tif",
    "https://127.0.0.1?@example.org/a.tif",
    "https://127.0.0.1%00.example.org/a.tif",
    "https://127.0.0.1%2eexample.org/a.tif",
    "https://example.org.evil.example/a.tif",
    "https://notexample.org/a.tif",
    "https://example.org./a.tif",
    "https://exаmple.org/a.tif",
    "https://example.org:22/a.tif",
    "https://example.org:99999/a.tif",
    "https://example.org:x/a.tif",
    "https:///a.tif",
    "https://",
    "http://example.org/a.tif",
    "HTTP://EXAMPLE.ORG/a.tif",
    "https://[::1/a.tif",
    "https://example.org/a\r\nHost: x",
    "https://example.org/a\0.tif",
)
VIRTUAL = (
    "/vsicurl/http://127.0.0.1/a.tif",
    "/VSICURL/http://127.0.0.1/a.tif",
    "//vsicurl/http://127.0.0.1/a.tif",
    " /vsicurl/http://127.0.0.1/a.tif",
    "/vsicurl_streaming/http://127.0.0.1/a.tif",
    "/vsizip//vsicurl/http://127.0.0.1/a.zip/a.tif",
    "/vsizip/a.zip/a.tif",
    "/vsitar/a.tar",
    "/vsigzip/a.gz",
    "/vsimem/a.tif",
    "/vsistdin/",
    "/vsisubfile/0_100,/etc/passwd",
    "/vsis3/bucket/a.tif",
    "/vsicrypt/key=x,file=a.tif",
    "zip+http://127.0.0.1/a.zip!a.tif",
    "zip:///etc/a.zip!a.tif",
    "WMS:http://127.0.0.1/",
    "WCS:http://127.0.0.1/",
    "VRT:a.tif",
    "vrt:///etc/passwd",
    'STACIT:"http://127.0.0.1/":asset=a',
    'NETCDF:"/vsicurl/http://127.0.0.1/a.nc":v',
    "HDF5:a.h5://v",
    "MEM:::DATAPOINTER=1,PIXELS=1,LINES=1",
    "<VRTDataset rasterXSize='1' rasterYSize='1'/>",
    " <VRTDataset/>",
    "s3://bucket/a.tif",
    "gs://bucket/a.tif",
    "ftp://example.org/a.tif",
    "javascript:alert(1)",
    "data:image/tiff;base64,SUkqAA==",
)
FILES = (
    "DERIVED_SUBDATASET:LOGAMPLITUDE:/etc/passwd",
    "GTIFF_DIR:1:/etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/environ",
    "../../../../../../etc/passwd",
    "./a/../../secret.tif",
    "%2e%2e/secret.tif",
    "%2e%2e%2fsecret.tif",
    "..%2fsecret.tif",
    "link.tif",
    "folder/secret.tif",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "file:/etc/passwd",
    "FILE:///etc/passwd",
    "file:///etc/%70asswd",
    "file://127.0.0.1/etc/passwd",
    "file:///etc/passwd?x",
    "file:secret.tif",
    "file:///%00/etc/passwd",
    "//127.0.0.1/share/a.tif",
    "\\\\127.0.0.1\\share\\a.tif",
    "..\\secret.tif",
    "C:\\secret.tif",
    "~/secret.tif",
    "$HOME/secret.tif",
    "a\0.tif",
    "a\nb.tif",
    "a\ud800.tif",
    "a" * 300 + ".tif",
    "a/" * 2000 + "a.tif",
    "a" * 9000,
    "",
)


def loaded(folder, href, access=None):
    found = item("a", "2024-08-09T00:00:00Z", {"a": asset(href, "a")})
    return load(write(folder, "a.json", found), access=access or Access(hosts=("example.org",)))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("href", [f"{s}://{h}/a.tif" for h in (*LOOPBACK, *PRIVATE) for s in ("https", "http")])
def test_hosts_that_were_not_allowed_are_refused_before_a_socket_opens(catalogue, href):
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        loaded(catalogue, href)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("href", [*CONFUSING, *VIRTUAL])
def test_addresses_that_mean_something_else_are_refused(catalogue, href):
    (catalogue / "a.zip").write_bytes(b"")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: ") as caught:
        loaded(catalogue, href)
    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("href", FILES)
def test_files_beyond_the_catalogue_are_not_reached(catalogue, href, monkeypatch):
    monkeypatch.setenv("HOME", str(catalogue.parent))
    with pytest.raises(OpenEOError, match=r"^(AccessRefused|FileNotFound|DataCorrupt: .*surrogates)"):
        loaded(catalogue, href)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "href",
    [
        *(h for h in FILES if h.lower().startswith("file:")),
        *VIRTUAL[:-7],
        "//127.0.0.1/a.tif",
        "https://127.0.0.1/a.tif",
    ],
)
def test_a_remote_document_stays_on_its_origin(href):
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        resolve(href, "https://example.org/c/item.json")


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "socket"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    if kind == "fifo":
        os.mkfifo("a.tif")
    elif kind == "folder":
        os.mkdir("a.tif")  # noqa: PTH102
    elif kind == "device":
        os.symlink("/dev/zero", "a.tif")  # noqa: PTH211
    else:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("a.tif")
    with pytest.raises(DataError, match=r"^FileNotFound: The path must name a regular file"):
        loaded(tmp_path, "a.tif", Access(roots=("/",)))
    with pytest.raises(DataError, match=r"^FileNotFound: The path must name a regular file"):
        Access(roots=("/",)).read_json(tmp_path / "a.tif")


# Names that lead somewhere else


def resolving(monkeypatch, *rounds):
    """Let the resolver give these lists of addresses, one after the other; the last one for ever."""
    answers, asked = list(rounds), []

    def resolver(host, port, *_args, **_options):
        asked.append(host)
        return [(0, 0, 0, "", (ip, port)) for ip in (answers.pop(0) if len(answers) > 1 else answers[0])]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


INSIDE = [
    h.strip("[]") for h in (*LOOPBACK, *PRIVATE) if h.strip("[]").replace(".", "").isdecimal() and h.count(".") == 3
]


@pytest.mark.parametrize(
    "ip", [*INSIDE[:1], *INSIDE[4:], "::1", "::ffff:10.0.0.1", "fd00:ec2::254", "fe80::1%eth0", "::"]
)
def test_an_allowed_name_that_leads_inside_is_refused_before_it_is_connected_to(ip, monkeypatch):
    resolving(monkeypatch, ["93.184.216.34", ip])
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    with pytest.raises(OpenEOError, match=r"^AccessRefused: All addresses of the host example.org must be public"):
        Access(hosts=("example.org",)).read_json("https://example.org/a.json")


def test_a_name_is_resolved_once_so_that_it_cannot_change(monkeypatch):
    """DNS rebinding: the second answer is loopback; whoever asked twice would connect to it."""
    asked, connected = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"]), []

    def connect(_socket, where):
        connected.append(where[0])
        raise OSError("unreachable")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises((DataError, OpenEOError), match=r"^(RemoteUnavailable|AccessRefused): "):
        Access(hosts=("example.org",)).read_json("https://example.org/a.json")
    assert asked[:1] == ["example.org"]
    assert "127.0.0.1" not in connected


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/", "https://127.0.0.1/", "http://localhost/", "file:///etc/passwd", "/vsicurl/x",
        "https://user:secret@example.org/", "ftp://example.org/", "//[::1]/", "https://[::1", "http://127.0.0.1:1/", "\\\\x\\y",
        "data:,{}", "",
    ],
)  # fmt: skip
def test_redirects_are_judged_like_addresses(to):
    with served() as server:
        server.answers = {"/a": (302, {"Location": to}, b""), "/vsicurl/x": (404, {}, b"")}
        with pytest.raises(OpenEOError, match=r"^(AccessRefused|RemoteUnavailable|FileNotFound): ") as caught:
            Access(hosts=(server.host,)).read_json(f"{server.url}/a")
        assert "secret" not in str(caught.value)
        assert len(server.hits) <= 4


def test_a_catalogue_that_names_a_server_does_not_call_it(catalogue):
    with served() as server:
        links = [
            {"rel": rel, "href": f"{server.url}/{rel}"} for rel in ("item", "child", "items", "root", "self", "next")
        ]
        extended = {"stac_extensions": [f"{server.url}/schema.json"]}
        found = item("a", "2024-08-09T00:00:00Z", {"thumbnail": {"href": f"{server.url}/t.png"}})
        write(catalogue, "a.json", {**found, "links": links, **extended})
        url = write(catalogue, "c.json", {"type": "Catalog", "id": "c", "links": links, **extended})
        for address in (url, catalogue / "a.json"):
            with pytest.raises(OpenEOError, match=r"^(AccessRefused|NoDataAvailable): "):
                load(str(address), access=Access())
        assert server.hits == []


def test_answers_have_a_limit_of_size_whatever_they_announce():
    with served() as server:
        body = b'{"a": "' + b"x" * 9_000_000 + b'"}'
        server.answers = {"/a": (200, {}, body), "/b": (200, {"Content-Length": "7"}, body)}
        access = Access(hosts=(server.host,))
        with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: "):
            access.read_json(f"{server.url}/a")
        with pytest.raises(DataError, match=r"^DataCorrupt: "):
            access.read_json(f"{server.url}/b")


def test_an_asset_that_trickles_is_given_up(tmp_path, monkeypatch):
    with served() as server:
        server.answers = {"/a.tif": (200, {"ETag": "1"}, b"II*\0")}
        monkeypatch.setattr(remote, "SLOWEST", 1e9)
        clock = iter(range(0, 9999, 40))
        monkeypatch.setattr(remote, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
        with pytest.raises(DataError, match=r"^RemoteUnavailable: .*it comes slower than"):
            Access(hosts=(server.host,), cache=tmp_path).open_path(f"{server.url}/a.tif")
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["user:pw@", "user@", ":@"])
def test_public_addresses_name_no_user(name):
    assert public_href(f"https://{name}example.org/a?sig=1#x") == "https://example.org/a"


def test_an_address_that_is_no_path_is_refused():
    for text in ("", "\0", "a" * 9000, "<x/>", "/vsimem/a", "stac:x"):
        with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
            locate(text)
