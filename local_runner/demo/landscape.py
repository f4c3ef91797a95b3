"""A drawn landscape below a simulated pass: heights, kinds of ground with their coherence, and a bowl that subsides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from local_runner.geometry.range_doppler import forward

if TYPE_CHECKING:
    from local_runner.geometry.radar_grid import RadarGrid

Floats = NDArray[np.float64]
METRES_PER_DEGREE: Final = 111_320.0
HEADING_RAD: Final = math.radians(-12.0)
BOWL_M: Final = 0.055
"""Growth of the distance in the middle of the bowl."""
_BOWL_RADIUS_M: Final = 1500.0


class Kind(NamedTuple):
    """A kind of ground: coherence from the primary to the secondary, and rms amplitude in DN."""

    name: str
    coherence: float
    amplitude_dn: float


KINDS: Final = (
    Kind("lake", 0.0, 120.0),
    Kind("forest", 0.4, 300.0),
    Kind("meadow", 0.6, 260.0),
    Kind("field", 0.8, 320.0),
    Kind("rock", 0.9, 440.0),
    Kind("town", 0.95, 760.0),
)
_LAKE, _FOREST, _MEADOW, _FIELD, _ROCK, _TOWN = range(len(KINDS))


@dataclass(frozen=True)
class Landscape:
    """Functions of latitude and longitude in degrees, about a middle; across and along are those of the pass."""

    latitude: float
    longitude: float

    @classmethod
    def below(cls, grid: RadarGrid) -> Landscape:
        """The landscape whose middle an image sees in its middle."""
        latitude, longitude = forward(grid, *grid.mid, 800.0)
        return cls(float(latitude), float(longitude))

    def height(self, latitude: Floats, longitude: Floats) -> Floats:
        """A valley between two ranges, m above the ellipsoid."""
        across, along = self._place(latitude, longitude)
        bend = across - 900 * np.sin(along / 2600)
        ranges = 620 * (1 - np.cos(2 * np.pi * bend / 11_000)) * (1 + 0.16 * np.sin(along / 1100 + across / 2300))
        rough = 60 * np.sin(across / 420 + along / 610) * np.sin(along / 530 - across / 1300)
        return np.asarray(np.maximum(450 + ranges + rough * np.minimum(ranges / 500, 1), 480))

    def kind(self, latitude: Floats, longitude: Floats) -> NDArray[np.uint8]:
        """Index into `KINDS`."""
        across, along = self._place(latitude, longitude)
        height = self.height(latitude, longitude)
        waves = np.sin(across / 310 + 2 * np.sin(along / 700)) + np.sin(along / 380 - across / 900)
        slope = height > 600
        kind = np.where(slope, np.where(waves > -0.4, _FOREST, _MEADOW), np.where(waves > 0.7, _MEADOW, _FIELD))
        kind[height > 1250 + 160 * waves] = _ROCK
        kind[np.hypot((across + 300) / 900, (along - 1900) / 1200) < 1] = _TOWN
        kind[np.hypot((across - 250 - 0.2 * along) / 620, (along + 2400) / 1150) < 1] = _LAKE
        return kind.astype(np.uint8)

    def coherence(self, latitude: Floats, longitude: Floats) -> Floats:
        """Of primary and secondary."""
        return np.array([kind.coherence for kind in KINDS])[self.kind(latitude, longitude)]

    def amplitude_dn(self, latitude: Floats, longitude: Floats) -> Floats:
        """Rms amplitude."""
        return np.array([kind.amplitude_dn for kind in KINDS])[self.kind(latitude, longitude)]

    def deformation_m(self, latitude: Floats, longitude: Floats) -> Floats:
        """Growth of the distance to the sensor."""
        across, along = self._place(latitude, longitude)
        distance = np.hypot(across - 1100, along - 500) / _BOWL_RADIUS_M
        return np.asarray(BOWL_M * np.exp(-(distance**2)))

    def _place(self, latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
        """Metres across and along the track, away from the sensor and with the flight, from the middle."""
        north = (latitude - self.latitude) * METRES_PER_DEGREE
        east = (longitude - self.longitude) * METRES_PER_DEGREE * math.cos(math.radians(self.latitude))
        sine, cosine = math.sin(HEADING_RAD), math.cos(HEADING_RAD)
        return east * cosine - north * sine, east * sine + north * cosine
