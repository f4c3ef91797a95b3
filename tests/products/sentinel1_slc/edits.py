"""Changes to the files of a synthetic product, to see what is said of them."""

import re


def annotation(safe, swath="iw2", polarization="vv"):
    """The annotation of a SAFE folder."""
    return next((safe / "annotation").glob(f"*-{swath}-slc-{polarization}-*.xml"))


def measurement(safe, swath="iw2", polarization="vv"):
    """The measurement of a SAFE folder."""
    return next((safe / "measurement").glob(f"*-{swath}-slc-{polarization}-*.tiff"))


def replace(path, pattern, text, count=1):
    """Replace what matches in a file; fails where nothing does."""
    changed, number = re.subn(pattern, text, path.read_text(), count=count, flags=re.DOTALL)
    assert number, f"{pattern} is not in {path}"
    path.write_text(changed)
    return path
