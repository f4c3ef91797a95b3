"""Relative orbits and relative burst ids of Sentinel-1 (ESA burst map of 2022-05-30).

    id = 1 + floor((sensing_time - ascending_node_time + half + (relative_orbit - 1) T_orbit - T_pre) / T_beam)

with the time in which a burst is sensed, not that of its first zero-Doppler line: with the latter every burst of IW1 gets the
id of its neighbour. One id stands for the bursts of all swaths that are sensed in one cycle of the beam.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

ORBITS_PER_CYCLE: Final = 175
ORBIT_S: Final = 12 * 86_400 / ORBITS_PER_CYCLE
_FIRST_ORBIT: Final = {"S1A": 73, "S1B": 27, "S1C": 172}
"""An absolute orbit that has the relative orbit 1."""
_BEAM_S: Final = {"IW": 2.758273, "EW": 3.038376}
"""Cycle of the beam over all swaths of a mode."""
_PRE_S: Final = {"IW": 2.299849, "EW": 2.299970}
_SENSED_S: Final = {"IW1": 0.81531490, "IW2": 1.06087913, "IW3": 0.83045822}
"""How long a burst is sensed. Not known for EW, whose ids are therefore taken as annotated."""


def relative_orbit(platform: str, absolute_orbit: int) -> int | None:
    """Relative orbit, 1 to 175; None for a platform whose numbering is not known."""
    first = _FIRST_ORBIT.get(platform)
    return None if first is None else (absolute_orbit - first) % ORBITS_PER_CYCLE + 1


def relative_orbit_of(burst_id: int, mode: str) -> int | None:
    """Relative orbit of a burst; at the ascending node it may be that of the neighbour."""
    return 1 + int(burst_id * _BEAM_S[mode] // ORBIT_S) if mode in _BEAM_S else None


def burst_id(
    swath: str, sensing_time: np.datetime64, ascending_node_time: np.datetime64, orbit: int | None
) -> int | None:
    """Relative burst id; `orbit` is the relative one. None where the formula is not known: other modes, unknown orbit."""
    mode = swath[:2]
    if swath not in _SENSED_S or orbit is None:
        return None
    since_node_s = float((sensing_time - ascending_node_time) / np.timedelta64(1, "s"))
    since_first_s = since_node_s + _SENSED_S[swath] / 2 + (orbit - 1) * ORBIT_S
    return 1 + math.floor((since_first_s - _PRE_S[mode]) / _BEAM_S[mode])
