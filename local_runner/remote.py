"""Bytes from https hosts: the address is checked once and that very address is connected to; sizes are capped.

The host has passed `Access.checked_url` before. Proxies and credentials of the environment are not used: a proxy would
resolve the name again. Not here: which URL may be opened.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import time
import uuid
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from local_runner.access import public_href
from local_runner.errors import DataError, LimitExceededError, OpenEOError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_runner.access import Access

TIMEOUT_S: Final = 30.0
MAX_REDIRECTS: Final = 3
SLOWEST: Final = 10_000
"""Bytes a second: a server that sends one now and then would never end."""
_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""Global unicast addresses of IPv6; those outside are local ones or stand for addresses of IPv4."""


def fetch(url: str, access: Access, limit: int) -> bytes:
    """Body of a GET of at most `limit` bytes, within 30 s."""
    deadline = time.monotonic() + TIMEOUT_S
    body = bytearray()
    with _get(url, access) as response:
        for chunk in _chunks(response, url, limit, "DocumentTooLarge"):
            body += chunk
            if time.monotonic() > deadline:
                raise _unavailable(url, f"no answer within {TIMEOUT_S:.0f} s")
    return bytes(body)


def download(url: str, access: Access) -> Path:
    """Path of a local copy of an asset; what is in the cache with the same ETag, date and size is not loaded again."""
    folder = access.cache or cache_folder()
    with _get(url, access) as response:
        headers = response.headers
        version = [headers.get(name, "") for name in ("etag", "last-modified", "content-length")]
        key = hashlib.sha256("\n".join([url, *version]).encode()).hexdigest()[:32]
        target = folder / f"{key}{_suffix(url)}"
        if (version[0] or version[1]) and target.is_file() and str(target.stat().st_size) == version[2]:
            return target
        _store(_chunks(response, url, access.asset_limit, "AssetTooLarge"), target)
    return target


def cache_folder() -> Path:
    """Folder of downloaded assets of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "openeo-sar" / "assets"


def address(url: str, access: Access) -> str:
    """IP address to connect to, IPv4 where there is one.

    Raises `AccessRefused` unless all addresses of the host are global or its `HOST:PORT` was named.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise _unavailable(url, f"{host} has no address: {error}") from None
    if not access.allows_private(url):
        inside = [text for text in found if not _is_global(text)]
        if inside:
            raise OpenEOError(
                "AccessRefused",
                f"All addresses of the host {host} must be public",
                got=inside[0],
                do=f"If you know the server, name it with --allow-host {host}:{port}",
            )
    return min(found, key=lambda text: ":" in text)


def _is_global(text: str) -> bool:
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in _UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast


@contextmanager
def _get(url: str, access: Access) -> Iterator[httpx.Response]:
    """Response of a GET with status 200, redirects followed and judged one by one."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "openeo-sar"}
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            where = url
            for _ in range(MAX_REDIRECTS + 1):
                with client.stream(
                    "GET", _by_address(where, access), headers=headers | {"Host": _host(where)}, extensions=_sni(where)
                ) as response:
                    if not response.is_redirect:
                        yield _found(response, where)
                        return
                    location = _redirected(where, response)
                where = access.checked_url(location)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(url, f"{type(error).__name__}: {error}") from None
    raise _unavailable(url, f"more than {MAX_REDIRECTS} redirects")


def _redirected(url: str, response: httpx.Response) -> str:
    try:
        location: str = urljoin(url, response.headers.get("location", ""))
    except ValueError:
        raise _unavailable(url, "it is redirected to what is no URL") from None
    return location


def _by_address(url: str, access: Access) -> httpx.URL:
    return httpx.URL(url).copy_with(host=address(access.checked_url(url), access))


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _sni(url: str) -> dict[str, Any]:
    return {"sni_hostname": urlsplit(url).hostname} if url.startswith("https:") else {}


def _found(response: httpx.Response, url: str) -> httpx.Response:
    if response.status_code in (404, 410):
        raise DataError("FileNotFound", "The remote file must exist", got=public_href(url), do="Check the URL")
    if response.status_code != 200:
        raise _unavailable(url, f"status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _unavailable(url, "the answer is compressed although plain bytes were asked for")
    return response


def _chunks(response: httpx.Response, url: str, limit: int, code: str) -> Iterator[bytes]:
    """Body in chunks. Raises `code` above the limit and `RemoteUnavailable` where it is shorter than announced."""
    announced = response.headers.get("content-length", "")
    too_large = LimitExceededError(
        code, f"A remote file must have at most {limit} bytes", got=public_href(url), do="Download it and name the copy"
    )
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    received, start = 0, time.monotonic()
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > limit:
            raise too_large
        if time.monotonic() - start > TIMEOUT_S + received / SLOWEST:
            raise _unavailable(url, f"it comes slower than {SLOWEST} bytes a second")
        yield chunk
    if announced.isdecimal() and received != int(announced):
        raise _unavailable(url, f"{received} of {announced} bytes came")


def _store(chunks: Iterator[bytes], target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial-{uuid.uuid4().hex[:12]}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        must = f"The cache folder must take the download ({error.strerror})"
        raise DataError("StorageFailed", must, got=str(target.parent), do="Free space or set XDG_CACHE_HOME") from None
    finally:
        partial.unlink(missing_ok=True)


def _suffix(url: str) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return suffix if suffix in (".tif", ".tiff", ".nc", ".json", ".h5") else ""


def _unavailable(url: str, reason: str) -> DataError:
    must = f"The remote file must be readable ({reason})"
    return DataError("RemoteUnavailable", must, got=public_href(url), do="Try again later")
