"""What `openeo-sar check` has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A mistake: the path of the node or field, a code, what must hold."""

    node: str
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"
