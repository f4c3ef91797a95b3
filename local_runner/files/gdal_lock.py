"""The lock under which tasks warp and rasterise.

rasterio silences a warning of its own there by `warnings.catch_warnings`, in a way that does not allow two threads. Functions
that tasks hold must be those of a module or methods: a function within another one would take the lock to other processes.
"""

from __future__ import annotations

import threading
from typing import Final

GDAL_LOCK: Final = threading.Lock()
