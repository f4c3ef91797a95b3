"""The WGS84 ellipsoid: geodetic and Earth-fixed positions, and the local directions. Degrees and metres, float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.geometry.constants import FLATTENING, SEMI_MAJOR_AXIS_M

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_A: Final = SEMI_MAJOR_AXIS_M
_B: Final = _A * (1 - FLATTENING)
_E2: Final = FLATTENING * (2 - FLATTENING)
"""First eccentricity, squared."""
_EP2: Final = _E2 / (1 - _E2)
"""Second eccentricity, squared."""


def to_ecef(latitude: ArrayLike, longitude: ArrayLike, height: ArrayLike) -> NDArray[np.float64]:
    """Earth-fixed position (..., 3) in m of latitude and longitude in degrees and height in m, broadcast.

    An angle that is not finite gives NaN.
    """
    phi, lam = (np.radians(np.asarray(angle, np.float64)) for angle in (latitude, longitude))
    h = np.asarray(height, np.float64)
    with np.errstate(invalid="ignore"):
        n = _A / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
        across = (n + h) * np.cos(phi)
        parts = np.broadcast_arrays(across * np.cos(lam), across * np.sin(lam), (n * (1 - _E2) + h) * np.sin(phi))
    return np.stack(parts, axis=-1)


def to_geodetic(
    position_m: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Latitude, longitude in [-180, 180] (degrees) and height (m), each (...), of Earth-fixed positions (..., 3).

    Bowring's iteration (Survey Review 23, 1976), three times: exact to the last bits of float64 from -1000 m to beyond 1e6 m.
    """
    x, y, z = (position_m[..., i] for i in range(3))
    p = np.hypot(x, y)
    r = np.hypot(p, z)
    sin, cos = z * (1 + _EP2 * _B / r), p * (_A / _B)
    for _ in range(3):
        length = np.hypot(sin, cos)
        sin, cos = z + _EP2 * _B * (sin / length) ** 3, p - _E2 * _A * (cos / length) ** 3
        sin *= _B / _A
    sin *= _A / _B
    length = np.hypot(sin, cos)
    sin_phi, cos_phi = sin / length, cos / length
    height = p * cos_phi + z * sin_phi - _A * np.sqrt(1 - _E2 * sin_phi**2)
    return np.degrees(np.arctan2(sin_phi, cos_phi)), np.degrees(np.arctan2(y, x)), height


def east_north_up(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.float64]:
    """Unit vectors east, north and up (ellipsoid normal) as rows: (..., 3, 3), Earth-fixed."""
    phi, lam = np.broadcast_arrays(
        np.radians(np.asarray(latitude, np.float64)), np.radians(np.asarray(longitude, np.float64))
    )
    sin_phi, cos_phi, sin_lam, cos_lam = np.sin(phi), np.cos(phi), np.sin(lam), np.cos(lam)
    east = np.stack((-sin_lam, cos_lam, np.zeros_like(phi)), axis=-1)
    north = np.stack((-sin_phi * cos_lam, -sin_phi * sin_lam, cos_phi), axis=-1)
    up = np.stack((cos_phi * cos_lam, cos_phi * sin_lam, sin_phi), axis=-1)
    return np.stack((east, north, up), axis=-2)
