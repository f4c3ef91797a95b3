import http.server
import json
import socket
import threading

import pytest

from local_runner import remote
from local_runner.access import Access, locate, parse_json, public_href, resolve
from local_runner.errors import DataError, LimitExceededError, OpenEOError

HOSTILE = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://127.0.0.1/a.json",
    "https://127.1/a.json",
    "https://0x7f000001/a.json",
    "https://2130706433/a.json",
    "https://[::1]/a.json",
    "https://[::ffff:127.0.0.1]/a.json",
    "https://localhost/a.json",
    "https://user:secret@example.org/a.json",
    "https://example.org@evil.example/a.json",
    "http://example.org/a.json",
    "ftp://example.org/a.json",
    "/vsicurl/http://127.0.0.1/a.tif",
    "//vsicurl/http://127.0.0.1/a.tif",
    "/vsizip//vsicurl/http://127.0.0.1/a.zip/a.tif",
    "zip+https://127.0.0.1/a.zip!a.tif",
    "WMS:http://127.0.0.1/",
    'STACIT:"http://127.0.0.1/":asset=a',
    'NETCDF:"/vsicurl/http://127.0.0.1/a.nc":v',
    "DERIVED_SUBDATASET:LOGAMPLITUDE:/etc/passwd",
    "MEM:::DATAPOINTER=1",
    "<VRTDataset/>",
    "file://evil.example/etc/passwd",
    "/etc/passwd",
    "a\nb",
    "a\ud800b",
    "https://[example.org]/a.json",
    "//[x]/a.json",
]
TABLE = [
    ("/data/c/collection.json", "item.json", "/data/c/item.json"),
    ("/data/c/collection.json", "./item.json", "/data/c/item.json"),
    ("/data/c/collection.json", "../c2/item.json", "/data/c2/item.json"),
    ("/data/c/collection.json", "/other/item.json", "/other/item.json"),
    ("/data/c/collection.json", "file:///other/my%20item.json", "/other/my item.json"),
    ("/data/c/collection.json", "file://localhost/other/a.json", "/other/a.json"),
    ("/data/c/collection.json", "https://example.org/a.tif", "https://example.org/a.tif"),
    ("/data/c/collection.json", "a%20b.tif", "/data/c/a b.tif"),
    ("/data/c/collection.json", "sub/../../x.tif", "/data/x.tif"),
    ("/data/c/collection.json", "a.tif?x=1#y", "/data/c/a.tif?x=1#y"),
    ("/data/c/collection.json", "ftp://example.org/a", None),
    ("/data/c/collection.json", "NETCDF:a.nc", None),
    ("https://example.org/c/collection.json", "item.json", "https://example.org/c/item.json"),
    ("https://example.org/c/collection.json", "../item.json", "https://example.org/item.json"),
    ("https://example.org/c/collection.json", "/item.json", "https://example.org/item.json"),
    ("https://example.org/c/collection.json?sig=1", "item.json?sig=2", "https://example.org/c/item.json?sig=2"),
    ("https://example.org/c/", "https://example.org:443/a.tif", "https://example.org:443/a.tif"),
    ("https://example.org/c/", "https://EXAMPLE.org/a.tif", "https://EXAMPLE.org/a.tif"),
    ("https://example.org/c/", "http://example.org/a.tif", None),
    ("https://example.org/c/", "https://other.org/a.tif", None),
    ("https://example.org/c/", "//other.org/a.tif", None),
    ("https://example.org/c/", "https://example.org:8443/a.tif", None),
    ("https://example.org/c/", "https://example.org@other.org/a.tif", None),
    ("https://example.org/c/", "file:///etc/passwd", None),
    ("https://example.org/c/", "..\\..\\a.tif", None),
    ("https://example.org/c/", "/vsicurl/https://example.org/a.tif", None),
    ("http://127.0.0.1:81/c/", "a.tif", "http://127.0.0.1:81/c/a.tif"),
]


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **_kwargs):
        pytest.fail(f"the network was touched: {args}")

    for target in ("socket.socket.connect", "socket.create_connection", "socket.getaddrinfo"):
        monkeypatch.setattr(target, refuse)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.hits.append(self.path)
        name = self.path.partition("?")[0]
        if name.startswith("/redirect"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("to=")[2])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.server.files.get(name)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"") + (7 if name == "/short.json" else 0)))
        if name == "/zipped.json":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.hits = []
        running.files = {f"/{n}.json": b'{"a": 1}' for n in ("a", "short", "zipped")} | {"/b.tif": b"II*\0pixels"}
        running.host = f"127.0.0.1:{running.server_port}"
        running.url = f"http://{running.host}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("href", HOSTILE)
def test_hostile_addresses_are_refused_before_a_socket_opens(href, tmp_path):
    access = Access(roots=(tmp_path,), hosts=("example.org",))
    for method in (access.open_path, access.read_json):
        with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
            method(href)


@pytest.mark.parametrize(("base", "href", "expected"), TABLE)
def test_resolve(base, href, expected):
    if expected is not None:
        assert resolve(href, base) == expected
        return
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        resolve(href, base)


@pytest.mark.usefixtures("no_network")
def test_the_message_tells_how_to_allow_a_host():
    with pytest.raises(OpenEOError) as raised:
        Access().read_json("https://example.org/a.json?token=secret")
    assert str(raised.value).endswith("Name it with --allow-host example.org.")
    assert "secret" not in str(raised.value)


LOCAL = ("10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "::127.0.0.1", "64:ff9b:1::1", "fec0::1", "2002:7f00:1::")


@pytest.mark.parametrize("found", [["93.184.216.34", "127.0.0.1"], *([ip] for ip in LOCAL)])
def test_an_allowed_name_must_have_public_addresses_only(found, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [(0, 0, 0, "", (ip, 443)) for ip in found])
    with pytest.raises(OpenEOError, match=r"^AccessRefused: All addresses of the host example.org must be public"):
        Access(hosts=("example.org",)).read_json("https://example.org/a.json")


def test_the_checked_address_is_connected_to(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [(0, 0, 0, "", ("93.184.216.34", 443))])
    url = remote._by_address("https://example.org/a.json", Access(hosts=("example.org",)))
    assert url.host == "93.184.216.34"
    assert remote._sni("https://example.org/a.json") == {"sni_hostname": "example.org"}


def test_loopback_is_read_where_host_and_port_are_named(server):
    assert Access(hosts=(server.host,)).read_json(f"{server.url}/a.json") == {"a": 1}


def test_a_trusted_caller_may_name_a_host_but_links_stay_on_it(server):
    access = Access(trusted=True).naming(f"{server.url}/a.json")
    assert access.read_json(f"{server.url}/a.json") == {"a": 1}
    with pytest.raises(OpenEOError, match=r"^AccessRefused: An href in a remote document must stay on 127"):
        access.resolve("https://example.org/b.json", f"{server.url}/a.json")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: The host of a remote address must be allowed"):
        Access(trusted=False).naming(f"{server.url}/a.json").read_json(f"{server.url}/a.json")


def test_redirects_are_judged_one_by_one(server):
    access = Access(hosts=(server.host,))
    assert access.read_json(f"{server.url}/redirect?to=/a.json") == {"a": 1}
    with pytest.raises(OpenEOError, match=r"^AccessRefused: The host of a remote address must be allowed"):
        access.read_json(f"{server.url}/redirect?to=http://169.254.169.254/")
    with pytest.raises(DataError, match=r"^RemoteUnavailable: The remote file must be readable \(more than 3 redir"):
        access.read_json(f"{server.url}/redirect?to=/redirect?to=/redirect?to=/redirect?to=/a.json")


@pytest.mark.parametrize(
    ("path", "code"),
    [("none.json", "FileNotFound"), ("short.json", "RemoteUnavailable"), ("zipped.json", "RemoteUnavailable")],
)
def test_faulty_answers(server, path, code):
    with pytest.raises(DataError, match=rf"^{code}: "):
        Access(hosts=(server.host,)).read_json(f"{server.url}/{path}")


def test_an_asset_is_downloaded_once_and_whole(server, tmp_path):
    access = Access(hosts=(server.host,), cache=tmp_path)
    path = access.open_path(f"{server.url}/b.tif")
    assert path.read_bytes() == b"II*\0pixels"
    path.write_bytes(b"I?*\0pixels")
    assert access.open_path(f"{server.url}/b.tif").read_bytes() == b"I?*\0pixels"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_asset_above_the_limit_leaves_nothing(server, tmp_path):
    access = Access(hosts=(server.host,), cache=tmp_path, asset_limit=9)
    with pytest.raises(LimitExceededError, match=r"^AssetTooLarge: "):
        access.open_path(f"{server.url}/b.tif")
    assert not list(tmp_path.iterdir())


def test_folder_without_a_document_is_told_what_it_must_hold(tmp_path):
    with pytest.raises(
        DataError, match=r"^FileNotFound: The path must .* Name a folder that holds one of collection\.json, "
    ):
        Access(roots=(tmp_path,)).read_json(tmp_path)


def test_files_below_the_named_catalogue_are_reached_and_no_others(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "collection.json").write_text("{}")
    (tmp_path / "c" / "a.tif").write_bytes(b"")
    (tmp_path / "secret.tif").write_bytes(b"")
    (tmp_path / "c" / "link.tif").symlink_to(tmp_path / "secret.tif")
    access = Access().naming(tmp_path / "c")
    assert access.open_path(tmp_path / "c" / "a.tif") == tmp_path / "c" / "a.tif"
    for href in ("c/../secret.tif", "c/link.tif"):
        with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below the folder of the catalogue"):
            access.open_path(f"{tmp_path}/{href}")
    assert Access(roots=(tmp_path,)).open_path(tmp_path / "c" / "link.tif") == tmp_path / "secret.tif"
    with pytest.raises(DataError, match=r"^FileNotFound: The path must name a regular file"):
        Access(roots=(tmp_path,)).open_path(tmp_path / "c")
    with pytest.raises(DataError, match=r"^FileNotFound: The file must exist"):
        access.open_path(tmp_path / "c" / "none.tif")


def test_a_file_without_the_right_to_read_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_bytes(b"")
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(DataError, match=r"^FileNotFound: The file must be readable"):
        Access(roots=(tmp_path,)).open_path(tmp_path / "a.tif")


def test_hosts_are_compared_without_regard_to_case():
    access = Access(hosts=("Example.ORG", "Other.org:8443"))
    for url in ("https://EXAMPLE.org/a.tif", "https://other.ORG:8443/a.tif"):
        assert access.checked_url(url) == url
    with pytest.raises(OpenEOError, match=r"^AccessRefused: "):
        access.checked_url("https://sub.example.org/a.tif")


def test_strangers_name_no_folder_outside_of_the_roots(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(OpenEOError, match=r"^AccessRefused: A file must lie below"):
        Access(any_folder=False).naming(tmp_path / "a.json").read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', "[1]", "{", '{"a":' * 100_000, "\xff", r'{"a": "\ud800"}'],
)
def test_json_that_is_not_clear_is_refused(text):
    with pytest.raises(DataError, match=r"^DataCorrupt: "):
        parse_json(text.encode("latin-1"), "a.json")


def test_json_above_the_limit_is_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"a": "x" * 8 * 2**20}))
    with pytest.raises(LimitExceededError, match=r"^DocumentTooLarge: "):
        Access(roots=(tmp_path,)).read_json(tmp_path / "a.json")


def test_locate_takes_paths_folders_and_file_urls(tmp_path, monkeypatch):
    (tmp_path / "collection.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    for given in (".", "collection.json", f"file://{tmp_path}/collection.json", tmp_path):
        assert locate(given) == str(tmp_path / "collection.json")


@pytest.mark.parametrize(
    ("href", "public"),
    [
        ("https://user:pw@example.org:8443/a.tif?X-Amz-Signature=1#x", "https://example.org:8443/a.tif"),
        ("file:///data/my%20file.tif", "/data/my file.tif"),
        ("/data/a.tif", "/data/a.tif"),
    ],
)
def test_secrets_do_not_reach_what_is_written(href, public):
    assert public_href(href) == public


def test_plain_http_needs_host_and_port():
    access = Access(hosts=("example.com",))
    advice = r"Use https, or allow plain http by --allow-host example.com:80"
    with pytest.raises(OpenEOError, match=rf"^AccessRefused: A remote address must be https, .*{advice}"):
        access.checked_url("http://example.com/c.json")
