"""Results for other programs: interferograms for MintPy."""

from __future__ import annotations

from local_runner.export.to_mintpy import mintpy

__all__ = ["mintpy"]
