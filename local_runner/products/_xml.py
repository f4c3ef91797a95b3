"""The one reader of XML that strangers wrote: no DTD, no entities, bounded size and depth, and fields by type.

A file may be gzipped, or alone in a zip. What a field lacks is told with the file and the path of the field. Not here: what
the fields mean.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from local_runner.errors import DataError, LimitExceededError
from local_runner.products._zip import Archive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SIZE_LIMIT: Final = 32 * 2**20
"""Largest document in bytes, also after decompression; annotations have 1 to 2 MB, precise orbits 5."""
DEPTH_LIMIT: Final = 64
ELEMENT_LIMIT: Final = 1_000_000
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_TIME: Final = re.compile(r"(?:UTC=)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)Z?")
_DO: Final = "Download the product again"


@dataclass(frozen=True)
class Node:
    """An element, with the file it stands in and its path there. Paths are those of ElementTree, below the element."""

    file: Path
    element: Element
    path: str

    def one(self, path: str) -> Node:
        """The only element of a path; `DataCorrupt` where there is none, or several."""
        found = self.element.findall(path)
        if len(found) != 1:
            self.refuse(path, "be there once", len(found))
        return Node(self.file, found[0], self._joined(path))

    def has(self, path: str) -> bool:
        """Whether there is such an element."""
        return self.element.find(path) is not None

    def all(self, path: str) -> list[Node]:
        """The elements of a path, in the order of the file."""
        found = self.element.findall(path)
        start = self._joined(path).rpartition("/")[0]
        names = (each.tag.rpartition("}")[2] for each in found)
        return [
            Node(self.file, each, f"{start}/{name}[{n}]")
            for n, (each, name) in enumerate(zip(found, names, strict=True), start=1)
        ]

    def entries(self, path: str) -> list[Node]:
        """The elements inside of a list, whose attribute `count` must be right; at least one."""
        node = self.one(path)
        found = node.all("*")
        node.require_count(len(found))
        if not found:
            self.refuse(path, "have an entry")
        return found

    def text(self, path: str = ".") -> str:
        """Text of an element, without blanks around it; not empty."""
        node = self.one(path)
        text = (node.element.text or "").strip()
        if not text:
            self.refuse(path, "have a text")
        return text

    def choice(self, path: str, known: tuple[str, ...]) -> str:
        """Text that is one of those known."""
        text = self.text(path)
        if text not in known:
            self.refuse(path, f"be one of {known}", text)
        return text

    def number(self, path: str = ".", *, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number from `low` to `high`."""
        text = self.text(path)
        value = _float(text)
        if not math.isfinite(value):
            self.refuse(path, "be a finite number", text)
        if not low <= value <= high:
            self.refuse(path, f"be a number from {low:g} to {high:g}", text)
        return value

    def integer(self, path: str = ".", *, low: int = 0, high: int = 2**31 - 1) -> int:
        """A whole number from `low` to `high`."""
        text = self.text(path)
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) or not low <= int(text) <= high:
            self.refuse(path, f"be a whole number from {low} to {high}", text)
        return int(text)

    def time(self, path: str = ".") -> np.datetime64:
        """A time in UTC, datetime64[us]; also as orbit files write it, `UTC=2024-08-09T17:06:52.000000`."""
        return self._time(path, self.text(path))

    def moment(self, attribute: str) -> np.datetime64:
        """The time in an attribute, as `time`."""
        return self._time(f"@{attribute}", self.element.get(attribute, ""))

    def numbers(self, path: str = ".", *, size: int | None = None) -> NDArray[np.float64]:
        """Finite numbers (n,), separated by blanks; as many as the attribute `count` tells, and as `size` if given."""
        node = self.one(path)
        words = self.text(path).split()
        node.require_count(len(words))
        grouped = next((word for word in words if "_" in word), None)
        if grouped is not None:
            self.refuse(path, "be a list of numbers", grouped)
        if size is not None and len(words) != size:
            self.refuse(path, f"have {size} numbers", len(words))
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError:
            self.refuse(path, "be a list of numbers", next(w for w in words if not math.isfinite(_float(w))))
        if not np.isfinite(values).all():
            self.refuse(path, "be a list of finite numbers", words[int(np.argmin(np.isfinite(values)))])
        return values

    def integers(self, path: str = ".", *, size: int | None = None) -> NDArray[np.int64]:
        """Whole numbers (n,), otherwise as `numbers`."""
        values = self.numbers(path, size=size)
        whole = (values == np.rint(values)) & (np.abs(values) < 2**31)
        if not whole.all():
            self.refuse(path, "be a list of whole numbers", float(values[int(np.argmin(whole))]))
        return values.astype(np.int64)

    def require_count(self, found: int) -> None:
        """Raise `DataCorrupt` unless the attribute `count`, where there is one, tells this number of entries."""
        count = self.element.get("count")
        if count is not None and count.strip() != str(found):
            self.refuse(".", f"have as many entries as its count, {count!r}", found)

    def _time(self, path: str, text: str) -> np.datetime64:
        matched = _TIME.fullmatch(text)
        try:
            return np.datetime64(matched[1] if matched else "none", "us")
        except ValueError:
            self.refuse(path, "be a time like 2024-08-09T17:06:52.123456", text)

    def _joined(self, path: str) -> str:
        return self.path if path == "." else f"{self.path}/{path}".replace("{*}", "").replace("/.//", "//")

    def refuse(self, path: str, must: str, got: Any = None) -> NoReturn:
        """Raise `DataCorrupt` for the element of a path; `must` ends a sentence that begins with that path and the file."""
        told = {} if got is None else {"got": got}
        raise DataError("DataCorrupt", f"{self._joined(path)} of {self.file} must {must}", **told, do=_DO)


def times(entries: Sequence[Node], path: str) -> NDArray[np.datetime64]:
    """Times (n,) of the entries of a list, datetime64[us]; they must ascend."""
    found = np.array([entry.time(path) for entry in entries], dtype="datetime64[us]")
    back = np.flatnonzero(np.diff(found) <= np.timedelta64(0, "us"))
    if back.size:
        late = int(back[0]) + 1
        entries[late].refuse(path, "be later than that of the entry before", str(found[late]))
    return found


def read_xml(path: Path, root: str) -> Node:
    """The root element of a document, which must have the name `root`; a packed file is unpacked in memory.

    Raises `FileNotFound`, `DataCorrupt` (no XML, DTD or entities, another root) and `DocumentTooLarge`.
    """
    data = _bytes(path)
    parser = DefusedXMLParser(target=_Builder(path), forbid_dtd=True)
    try:
        parser.feed(data)
        element: Element = parser.close()
    except DefusedXmlException as error:
        kind = type(error).__name__
        raise DataError("DataCorrupt", f"{path} must be XML without DTD and entities", got=kind, do=_DO) from None
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an encoding that Python does not know
        raise DataError("DataCorrupt", f"{path} must be a whole XML document ({error})", do=_DO) from None
    name = element.tag.rpartition("}")[2]
    if name != root:
        raise DataError("DataCorrupt", f"{path} must have the root element {root!r}", got=name, do="Check the file")
    return Node(path, element, name)


class _Builder(TreeBuilder):
    """Builds the tree as long as it stays shallow and small: later, nobody has to care about recursion."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._depth, self._count = path, 0, 0

    def start(self, tag: str, attrs: dict[Any, Any], /) -> Element:
        self._depth += 1
        self._count += 1
        for value, limit, what in ((self._depth, DEPTH_LIMIT, "levels"), (self._count, ELEMENT_LIMIT, "elements")):
            if value > limit:
                must = f"{self._path} must have at most {limit} {what} of XML"
                raise LimitExceededError("DocumentTooLarge", must, do="Check what the file is")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def _bytes(path: Path) -> bytes:
    """Content of a file, unpacked if it is packed; at most `SIZE_LIMIT` bytes are read or unpacked."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        if data[:2] == _GZIP and len(data) <= SIZE_LIMIT:
            with gzip.open(path, "rb") as packed:
                data = packed.read(SIZE_LIMIT + 1)
        elif data[:4] == _ZIP and len(data) <= SIZE_LIMIT:
            data = Archive(path).read_only_file(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise DataError("FileNotFound", "The file must exist", got=str(path), do="Check the product") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("DataCorrupt", f"{path} must be readable ({error})", do=_DO) from None
    if len(data) > SIZE_LIMIT:
        must = f"{path} must have at most {SIZE_LIMIT >> 20} MiB"
        raise LimitExceededError("DocumentTooLarge", must, do="Check what the file is")
    return data


def _float(text: str) -> float:
    """A number, NaN where the text is none; digits must not be grouped."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan
