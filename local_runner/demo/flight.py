"""A satellite on a circular orbit like Sentinel-1's, over an Earth that turns: state vectors for synthetic products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from local_runner.geometry.orbit import Orbit

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIOD_S: Final = 12 * 86_400 / 175
"""Of an orbit from node to node: 175 of them in a repeat cycle of 12 days."""
RADIUS_M: Final = 7_071_000.0
INCLINATION_RAD: Final = np.radians(98.18)
EARTH_RATE_RAD_S: Final = 2 * np.pi / 86_400
"""Of the Earth under the plane of a sun-synchronous orbit."""
SECOND: Final = np.timedelta64(1_000_000, "us")


@dataclass(frozen=True)
class Flight:
    """A pass that crosses the equator northwards at `node_time` (datetime64[us]) and at `node_longitude_deg`.

    `height_m`: by how much the orbit is higher, which with a change of the node's longitude makes a baseline.
    """

    node_time: np.datetime64
    node_longitude_deg: float
    height_m: float = 0.0

    def orbit(
        self, start: np.datetime64, duration_s: float, margin_s: float = 60.0, source: str = "annotation"
    ) -> Orbit:
        """State vectors, 10 s apart, from a margin before `start` to a margin after its end."""
        count = int(np.ceil((duration_s + 2 * margin_s) / 10)) + 1
        first = start - np.timedelta64(round(margin_s * 1e6), "us")
        times = first + np.arange(count) * (10 * SECOND)
        return Orbit.of_times(times, *self._vectors(times), source=source)

    def _vectors(self, times: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity (n, 3), Earth-fixed: r Rz(longitude(t)) (cos u, sin u cos i, sin u sin i)."""
        since = (times - self.node_time) / SECOND
        rate = 2 * np.pi / PERIOD_S
        u, node = rate * since, np.radians(self.node_longitude_deg) - EARTH_RATE_RAD_S * since
        cosine, sine = np.cos(INCLINATION_RAD), np.sin(INCLINATION_RAD)
        x, y, z = np.cos(u), np.sin(u) * cosine, np.sin(u) * sine
        dx, dy, dz = -rate * np.sin(u), rate * np.cos(u) * cosine, rate * np.cos(u) * sine
        dx, dy = dx + EARTH_RATE_RAD_S * y, dy - EARTH_RATE_RAD_S * x
        turned = [
            np.stack((a * np.cos(node) - b * np.sin(node), a * np.sin(node) + b * np.cos(node), c), axis=-1)
            for a, b, c in ((x, y, z), (dx, dy, dz))
        ]
        radius = RADIUS_M + self.height_m
        return radius * turned[0], radius * turned[1]
