"""What may be opened: documents and assets, by the rules that keep a catalogue from reaching beyond itself.

A local document reaches files below the folder of the catalogue that the user named, or below `roots`; a remote one
reaches https addresses of its own origin. Remote hosts must be named in `hosts`. Links are followed to regular files
only; names that GDAL would take for something else than a file are refused. Not here: how bytes come over the network,
which `local_runner.remote` does.
"""

from __future__ import annotations

import json
import math
import os
import posixpath
import re
import shlex
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from local_runner.errors import DataError, LimitExceededError, OpenEOError, repr_of

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON_LIMIT: Final = 8 * 2**20
"""Largest JSON document, in bytes."""
JSON_DEPTH: Final = 256
"""Deepest JSON document: 32 callbacks in each other take four levels each, and an argument up to 64."""
ASSET_LIMIT: Final = 20 * 2**30
"""Largest remote asset unless told otherwise, in bytes."""
_LONGEST_HREF: Final = 8192
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_UNFIT: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_INDEX: Final = ("collection.json", "catalog.json", "item.json", "job-results.json")
_NAME_DOCUMENT: Final = f"Name a folder that holds one of {', '.join(_INDEX)}; `openeo-sar stac` makes one of products"


@dataclass(frozen=True)
class Access:
    """What may be opened.

    `roots`: files, and folders whose files any local catalogue may name (--data-root). `hosts`: remote hosts, `HOST` for https
    to public addresses at the usual port, `HOST:PORT` for http, other ports, loopback and private addresses as well
    (--allow-host). `trusted`: the host of a URL that the caller itself names is allowed too. `any_folder`: False where
    callers are strangers (HTTP endpoint): a local document must lie below `roots` even if it is named. `cache`: folder of
    downloaded assets; None: the user's.
    """

    roots: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    trusted: bool = False
    any_folder: bool = True
    cache: Path | None = None
    asset_limit: int = ASSET_LIMIT

    def naming(self, url: str | os.PathLike[str]) -> Access:
        """Access to what the caller names at top level: the folder of a path, the host of a URL if `trusted`.

        With the folder of a path come the products that this user has made catalogues of.
        """
        href = locate(url)
        if not is_remote(href):
            from local_runner.roots import remembered  # noqa: PLC0415

            return replace(self, roots=(*self.roots, Path(href).parent, *remembered())) if self.any_folder else self
        return replace(self, hosts=(*self.hosts, _authority(href))) if self.trusted else self

    def read_json(self, href: str | os.PathLike[str], limit: int = JSON_LIMIT) -> dict[str, Any]:
        """Read a JSON object of at most `limit` bytes, without duplicate keys and numbers that are not finite.

        `href`: path, `file://` URL or http(s) URL. Raises `FileNotFound`, `DataCorrupt`, `DocumentTooLarge`,
        `AccessRefused`, `RemoteUnavailable`.
        """
        where = locate(href)
        if is_remote(where):
            from local_runner import remote  # noqa: PLC0415  (httpx is not needed for local files)

            return parse_json(remote.fetch(self.checked_url(where), self, limit), public_href(where))
        path = self._regular_file(where, do=_NAME_DOCUMENT)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            must = f"The file must be readable ({error.strerror})"
            raise DataError("FileNotFound", must, got=where, do="Check the path") from None
        if len(data) > limit:
            raise LimitExceededError("DocumentTooLarge", f"A JSON document must have at most {limit} bytes", got=where)
        return parse_json(data, where)

    def open_path(self, href: str | os.PathLike[str]) -> Path:
        """Path of a local regular file that GDAL may open; a remote asset is downloaded whole to the cache first.

        Raises `FileNotFound`, `AccessRefused`, `AssetTooLarge`, `RemoteUnavailable`, `StorageFailed`.
        """
        where = locate(href, documents=False)
        if is_remote(where):
            from local_runner import remote  # noqa: PLC0415

            return remote.download(self.checked_url(where), self)
        return self._regular_file(where)

    def resolve(self, href: str, base: str) -> str:
        """Absolute path or URL of an href in the document `base`; see `resolve`."""
        return resolve(href, base)

    def reaches(self, path: str | os.PathLike[str]) -> bool:
        """Whether a local path lies below `roots`, once links are followed."""
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(os.path.realpath(root)) for root in self.roots)

    def checked_url(self, url: str) -> str:
        """`url` if its host is in `hosts` and its scheme allowed there, else `AccessRefused`. Opens no socket."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            _refuse("A URL must be well formed", url.partition("?")[0].rpartition("@")[2])
        if parts.scheme not in _DEFAULT_PORT or not host:
            _refuse("A remote address must be an https URL", url)
        if "@" in parts.netloc:
            _refuse("A URL must not carry a user name or password", public_href(url), "Download the data first")
        explicit = self.allows_private(url)
        if not explicit and (host not in self._hosts or port not in (None, _DEFAULT_PORT[parts.scheme])):
            _refuse(
                "The host of a remote address must be allowed",
                public_href(url),
                f"Name it with --allow-host {host if parts.scheme == 'https' and not port else _authority(url)}",
            )
        if parts.scheme != "https" and not explicit:
            _refuse(
                "A remote address must be https",
                public_href(url),
                f"Use https, or allow plain http by --allow-host {_authority(url)}",
            )
        return url

    def allows_private(self, url: str) -> bool:
        """Whether loopback and private addresses are allowed for this URL: its `HOST:PORT` was named."""
        return _authority(url) in self._hosts

    @property
    def _hosts(self) -> frozenset[str]:
        """`hosts` as they are compared: upper and lower case are one."""
        return frozenset(host.lower() for host in self.hosts)

    def _regular_file(self, where: str, *, do: str = "Check the path") -> Path:
        if where.startswith(("<", "//")) or where.lower().startswith("/vsi"):
            _refuse("A path must name a regular file", where)
        path = Path(os.path.realpath(where))
        if not self.reaches(path):
            gone = ":" not in where and not os.path.exists(path)  # noqa: PTH110  (GDAL may take others for more than a name)
            if gone and self.any_folder:  # a stranger is not told what there is
                must = "The file must exist, which a catalogue names; it was moved or deleted, or its folder is closed"
                do = "Put it back, or make the catalogue again with `openeo-sar stac`"
                raise DataError("FileNotFound", must, got=where, do=do)
            _refuse(
                "A file must lie below the folder of the catalogue that was named",
                where,
                f"Allow its folder with --data-root {shlex.quote(str(holder(path)))}",
            )
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError):
            raise DataError("FileNotFound", "The file must exist", got=where, do="Check the path") from None
        if not stat.S_ISREG(mode):
            raise DataError("FileNotFound", "The path must name a regular file", got=where, do=do)
        if not os.access(path, os.R_OK):
            raise DataError("FileNotFound", "The file must be readable", got=where, do="Change its permissions")
        return path


def holder(path: Path) -> Path:
    """Folder to be allowed for a file: that which holds its product, if the file is of a SAFE, else its own."""
    inside = [folder for folder in path.parents if folder.suffix.upper() == ".SAFE"]
    return inside[-1].parent if inside else path.parent


def is_remote(href: str) -> bool:
    """Whether an href is an http(s) URL."""
    return href[:8].lower().startswith(("http://", "https://"))


def locate(url: str | os.PathLike[str], *, documents: bool = True) -> str:
    """Absolute path or http(s) URL of what the caller names: URL, `file://` URL of this machine, or path.

    A folder stands for the `collection.json`, `catalog.json`, `item.json` or `job-results.json` in it if `documents`.
    """
    text = os.fspath(url)
    _check_text(text)
    if is_remote(text):
        return text
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() == "file":
        text = _path_of_file_url(text)
    elif scheme and not (os.name == "nt" and len(scheme[1]) == 1) and not os.path.exists(text):  # noqa: PTH110
        _refuse("An address must be a path or an http(s) or file URL", text)
    path = os.path.abspath(text)  # noqa: PTH100  (resolve() would follow links before they are judged)
    if documents and os.path.isdir(path):  # noqa: PTH112
        return next((str(p) for name in _INDEX if (p := Path(path, name)).is_file()), path)
    return path


def resolve(href: str, base: str) -> str:
    """Absolute path or URL of an href found in the document at `base` (absolute path or URL).

    A remote document reaches http(s) addresses of its own origin only; a local one paths, `file://` URLs of this
    machine and remote addresses, all of which are judged again when they are opened. An href with another scheme or
    with a GDAL prefix raises `AccessRefused`.
    """
    _check_text(href)
    scheme = _SCHEME.match(href)
    if is_remote(base):
        if scheme and scheme[1].lower() not in _DEFAULT_PORT:
            _refuse("An href in a remote document must be an https URL or relative", href)
        joined = urljoin(base, href)
        if "\\" in href or not _same_origin(joined, base):
            _refuse(
                f"An href in a remote document must stay on {_authority(base)}",
                public_href(href),
                "Download the catalogue with its files and name the local copy",
            )
        return joined
    if is_remote(href):
        return href
    if scheme and scheme[1].lower() == "file":
        return posixpath.normpath(_path_of_file_url(href))
    if scheme:
        _refuse("An href must be a path or an http(s) or file URL", href)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(Path(base).as_posix()), href))
    if "%" not in path or os.path.exists(path):  # noqa: PTH110  (False where the name is too long)
        return path
    decoded = posixpath.normpath(unquote(path))
    _check_text(decoded)
    return decoded


def public_href(href: str) -> str:
    """Return an href as it may be written: without user name, password, query and fragment; a `file://` URL as path."""
    if href[:5].lower() == "file:":
        return unquote(urlsplit(href).path)
    if not is_remote(href):
        return href
    parts = urlsplit(href)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """Parse a JSON object; duplicate keys, numbers out of range and deep nesting raise `DataCorrupt` naming the document."""
    try:
        found = json.loads(
            data, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
        _require_flat(found)
        if b"\\ud" in data.lower():
            json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate is no text that could be written again
    except RecursionError:
        raise DataError("DataCorrupt", f"{where} must not be nested more than {JSON_DEPTH} deep") from None
    except ValueError as error:
        must = f"{where} must be JSON; {_fault(error)}"
        raise DataError("DataCorrupt", must, do="Repair or download it again") from None
    if not isinstance(found, dict):
        raise DataError("DataCorrupt", f"{where} must hold a JSON object", got=type(found).__name__)
    return found


def _fault(error: ValueError) -> str:
    """What is wrong with a text that is no JSON, and where as far as that is known."""
    place = f"line {error.lineno}, column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
    return place or str(error)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"duplicate key {repr_of(twice)}")
    return found


def _require_flat(found: Any) -> None:
    """Raise where objects and lists are nested deeper than `JSON_DEPTH`: whoever walks them later may do so recursively."""
    level = [found]
    for _ in range(JSON_DEPTH):
        inside = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [value for values in inside for value in values]
        if not level:
            return
    raise RecursionError


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _check_text(href: str) -> None:
    if not href or len(href) > _LONGEST_HREF or _UNFIT.search(href):
        must = (
            f"An href must have 1 to {_LONGEST_HREF} characters, none of them a control character or a lone surrogate"
        )
        _refuse(must, href)
    if href.lstrip().startswith("<") or re.match(r"\s*/+vsi", href, re.IGNORECASE):
        _refuse("An href must name a file, not a virtual one", href)
    try:
        urlsplit(href)
    except ValueError:
        _refuse("An href must be a path or a well-formed URL", href.partition("?")[0].rpartition("@")[2])


def _path_of_file_url(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or parts.query or parts.fragment:
        _refuse("A file URL must be file:///absolute/path", url)
    _check_text(path)
    return path


def _authority(url: str) -> str:
    """`HOST:PORT` of a URL, with the port of the scheme where none is given."""
    parts = urlsplit(url)
    try:
        port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
    except ValueError:
        port = 0
    host = parts.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _same_origin(a: str, b: str) -> bool:
    return urlsplit(a).scheme == urlsplit(b).scheme and _authority(a) == _authority(b) and "@" not in urlsplit(a).netloc


def _refuse(must: str, got: str, do: str = "") -> NoReturn:
    raise OpenEOError("AccessRefused", must, got=got, do=do)
