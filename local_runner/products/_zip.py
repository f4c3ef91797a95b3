"""The one reader of zip archives of strangers: members are judged by name and size, and those asked for are unpacked.

Nothing is unpacked by a name that leaves the folder, as a link, or beyond the size that the archive declares. Not here: which
members a product has.
"""

from __future__ import annotations

import lzma
import re
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Final, NoReturn

from local_runner.errors import DataError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_ENTRIES: Final = 2_000
MAX_BYTES: Final = 12 * 2**30
"""Of all members together, unpacked: a product with two polarisations has 8 GB."""
MAX_RATIO: Final = 200
"""Of a member's size to what it takes in the archive; small members and rasters may have more."""
_SMALL: Final = 2**20
_RASTER_BYTES: Final = 2 * 2**30
"""A raster may be all zero, as long as it has the size of one."""
_BLOCK: Final = 2**20
_PACKED: Final = (".xml.gz", ".safe.gz")
"""Metadata, which may be packed on their own."""
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError)
_PART: Final = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,200}")
"""Of a path; what systems hide begins with a dot or a low line."""


class Archive:
    """A zip archive whose table of contents has been judged; `names`: its files, sorted.

    Raises `FileNotFound`, `ArchiveRefused` (DataError) naming archive and member, `ArrayTooLarge`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        entries = self._entries()
        self._members = {entry.filename: entry for entry in entries if not entry.is_dir()}
        self.names = tuple(sorted(self._members))

    def unpack(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Write members below a folder, under their names; the paths. Raises `DataCorrupt` where a member is damaged."""
        paths = [folder / name for name in names]
        try:
            with zipfile.ZipFile(self.path) as archive:
                for name, path in zip(names, paths, strict=True):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    self._copy(archive, self._members[name], path)
        except OSError as error:
            must = f"{self.path} must be unpacked into {folder} ({error.strerror or error})"
            raise DataError("StorageFailed", must, do="Check the space and the permissions") from error
        return paths

    def read_only_file(self, limit: int) -> bytes:
        """At most `limit` bytes of the one file that there is; `ArchiveRefused` where there are several, else as `unpack`."""
        if len(self.names) != 1:
            must = f"{self.path} must hold one file"
            raise DataError("ArchiveRefused", must, got=self.names[:5], do="Unpack it yourself, and name the file")
        name = self.names[0]
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._members[name]) as source:
                return source.read(limit)
        except _DAMAGED as error:
            raise self._damaged(name, error) from None

    def _damaged(self, name: str, error: Exception) -> DataError:
        must = f"{name} of {self.path} must be whole ({error})"
        return DataError("DataCorrupt", must, do="Download the archive again")

    def _copy(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
        written = 0
        try:
            with archive.open(entry) as source, path.open("xb") as target:
                while block := source.read(_BLOCK):
                    written += len(block)
                    if written > entry.file_size:
                        self._refuse(entry.filename, f"have the {entry.file_size} bytes that it declares", "more")
                    target.write(block)
        except _DAMAGED as error:
            raise self._damaged(entry.filename, error) from None
        if written != entry.file_size:
            self._refuse(entry.filename, f"have the {entry.file_size} bytes that it declares", written)

    def _entries(self) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                entries = archive.infolist()
        except FileNotFoundError:
            raise DataError("FileNotFound", "The archive must exist", got=str(self.path)) from None
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            must = f"{self.path} must be a whole zip archive ({error})"
            raise DataError("DataCorrupt", must, do="Download it again") from None
        if len(entries) > MAX_ENTRIES:
            must = f"{self.path} must have at most {MAX_ENTRIES} members"
            raise LimitExceededError("ArchiveTooLarge", must, got=len(entries), do="Unpack the product yourself")
        for entry in entries:
            self._judge(entry)
        total = sum(entry.file_size for entry in entries)
        if total > MAX_BYTES:
            must = f"The members of {self.path} must have at most {MAX_BYTES >> 30} GiB together"
            raise LimitExceededError("ArchiveTooLarge", must, got=f"{total >> 20} MiB", do="Unpack it yourself")
        self._require_distinct([entry.filename for entry in entries])
        return entries

    def _judge(self, entry: zipfile.ZipInfo) -> None:
        name, mode = entry.filename, entry.external_attr >> 16
        parts = name.removesuffix("/").split("/")
        if entry.orig_filename != name or not all(_PART.fullmatch(part) for part in parts):
            self._refuse(entry.orig_filename, "have a plain path below the folder it is unpacked into", name)
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            self._refuse(name, "be a file or a folder, no link", stat.filemode(mode))
        if entry.flag_bits & 0x1:
            self._refuse(name, "be readable without password", "an encrypted member")
        if name.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".7z")) and not name.lower().endswith(_PACKED):
            self._refuse(name, "be no archive itself", name.rpartition(".")[2])
        raster = name.lower().endswith((".tiff", ".tif")) and entry.file_size <= _RASTER_BYTES
        if entry.file_size > max(_SMALL, MAX_RATIO * entry.compress_size) and not raster:
            self._refuse(
                name, f"be at most {MAX_RATIO} times larger than packed", f"{entry.file_size}/{entry.compress_size}"
            )

    def _require_distinct(self, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            folded = name.removesuffix("/").casefold()
            if folded in seen:
                self._refuse(name, "be there once", "two of that name")
            seen.add(folded)

    def _refuse(self, member: str, must: str, got: object) -> NoReturn:
        text = f"Member {member!r} of {self.path} must {must}"
        raise DataError("ArchiveRefused", text, got=got, do="Do not use this archive; download the product again")
