"""The annotations of real products in ../shared, which are not part of the repository."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "s1_annotations"
ANNOTATIONS = sorted(SHARED.glob("*/*.SAFE/annotation/s1*-slc-*.xml.gz"))
MOROCCO = sorted(SHARED.glob("eo_tools_morocco/*.SAFE"))

needs_shared = pytest.mark.skipif(not ANNOTATIONS, reason=f"{SHARED} is not there")


def each_annotation(test):
    """Run a test for each annotation; skipped where there is none."""
    named = pytest.mark.parametrize("path", ANNOTATIONS or [None], ids=[p.name[:60] for p in ANNOTATIONS] or ["none"])
    return needs_shared(named(test))
