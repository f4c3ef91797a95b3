"""Relative orbits and relative burst ids of Sentinel-1 (ESA burst map of 2022-05-30).

    id = 1 + floor((sensing_time - ascending_node_time + half + (relative_orbit - 1) T_orbit - T_pre) / T_beam)

with the time in which a burst is sensed, not that of its first zero-Doppler line: with the latter every burst of IW1 gets the
id of its neighbour. One id stands for the bursts of all swaths that are sensed in one cycle of the beam. In a product that
crosses the node, ids go on from the orbit in which it starts.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

ORBITS_PER_CYCLE: Final = 175
ORBIT_S: Final = 12 * 86_400 / ORBITS_PER_CYCLE
_FIRST_ORBITS: Final = {
    "S1A": ((0, 73),),
    "S1B": ((0, 27),),
    "S1C": ((0, 172), (8_019, 99)),
    "S1D": ((0, 42),),
}
"""By platform: from an absolute orbit on, one that has the relative orbit 1; S1C was moved in June 2026."""
_BEAM_S: Final = {"IW": 2.758273, "EW": 3.038376}
"""Cycle of the beam over all swaths of a mode."""
_PRE_S: Final = {"IW": 2.299849, "EW": 2.299970}
_SENSED_S: Final = {"IW1": 0.81531490, "IW2": 1.06087913, "IW3": 0.83045822}
"""How long a burst is sensed. Not known for EW, whose ids are therefore taken as annotated."""
_SECOND: Final = np.timedelta64(1, "s")


def relative_orbit(platform: str, absolute_orbit: int) -> int | None:
    """Relative orbit, 1 to 175; None for a platform whose numbering is not known."""
    known = [first for start, first in _FIRST_ORBITS.get(platform, ()) if absolute_orbit >= start]
    return (absolute_orbit - known[-1]) % ORBITS_PER_CYCLE + 1 if known else None


def orbit_of(burst_id: int, swath: str, sensing_time: np.datetime64, ascending_node_time: np.datetime64) -> int | None:
    """Relative orbit in which a burst of an annotated id was sensed; None where the formula is not known.

    The satellites are moved now and then, which changes how orbits are numbered, but not the ids on the ground. It is 0 in
    place of 175 where a product goes on from orbit 175 into orbit 1, with the ids of that.
    """
    mode = swath[:2]
    if mode not in _BEAM_S:
        return None
    since_node_s = float((sensing_time - ascending_node_time) / _SECOND)
    since_first_s = (burst_id - 0.5) * _BEAM_S[mode] + _PRE_S[mode]
    return 1 + round((since_first_s - since_node_s) / ORBIT_S)


def node_before(ascending_node_time: np.datetime64, start: np.datetime64) -> np.datetime64:
    """Time of the ascending node in the orbit in which a product starts; some products tell that of the orbit before."""
    orbit = np.timedelta64(round(ORBIT_S * 1e6), "us")
    return ascending_node_time + orbit if start - ascending_node_time >= orbit else ascending_node_time


def burst_id(
    swath: str, sensing_time: np.datetime64, ascending_node_time: np.datetime64, orbit: int | None
) -> int | None:
    """Relative burst id; `orbit` is the relative one. None where the formula is not known: other modes, unknown orbit."""
    mode = swath[:2]
    if swath not in _SENSED_S or orbit is None:
        return None
    since_node_s = float((sensing_time - ascending_node_time) / _SECOND)
    since_first_s = since_node_s + _SENSED_S[swath] / 2 + (orbit - 1) * ORBIT_S
    return 1 + math.floor((since_first_s - _PRE_S[mode]) / _BEAM_S[mode])
