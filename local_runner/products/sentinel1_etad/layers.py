"""The layers of an ETAD product by their band names `<layer>_range` and `<layer>_azimuth`, in seconds (ETAD-DLR-PS-0014)."""

from __future__ import annotations

from typing import Final

SUM: Final = ("sum_range", "sum_azimuth")
"""The product's own sum: what drives the shifts."""
VARIABLES: Final = {
    "troposphere_range": "troposphericCorrectionRg",
    "ionosphere_range": "ionosphericCorrectionRg",
    "geodetic_range": "geodeticCorrectionRg",
    "geodetic_azimuth": "geodeticCorrectionAz",
    "ocean_tide_range": "oceanTidalLoadingCorrectionRg",
    "ocean_tide_azimuth": "oceanTidalLoadingCorrectionAz",
    "bistatic_azimuth": "bistaticCorrectionAz",
    "doppler_range": "dopplerRangeShiftRg",
    "fm_mismatch_azimuth": "fmMismatchCorrectionAz",
    "sum_range": "sumOfCorrectionsRg",
    "sum_azimuth": "sumOfCorrectionsAz",
}
POSITION: Final = {"grid_lat": "lats", "grid_lon": "lons", "height": "height"}
"""Bands of the grid itself: degrees, degrees, metres."""
GRADIENT: Final = {"troposphere_gradient_range": "troposphericCorrectionHeightGradientRg"}
"""Change of the troposphere with height in s/m, which no older product has; left out where it is missing."""
STORED: Final = VARIABLES | POSITION | GRADIENT
"""All that a group may hold."""
LATER: Final = ("ocean_tide_range", "ocean_tide_azimuth")
"""Layers that products of processors before 3.0 lack: 0 there, with a warning."""
OFFSET: Final = ("channel_offset_range", "channel_offset_azimuth")
"""Constants of a burst, one for each polarisation, relative to the reference polarisation."""
CALIBRATION: Final = ("timing_calibration_range", "timing_calibration_azimuth")
"""Constants of a burst."""
PHASE: Final = {
    "troposphere_range": 1.0,
    "geodetic_range": 1.0,
    "ocean_tide_range": 1.0,
    "ionosphere_range": -1.0,
}
"""Layers of the phase term with their signs: the ionosphere delays the group and advances the phase.

Doppler shift, bistatic effect and FM mismatch move the envelope alone, so that the sum is no phase.
"""
SECONDS: Final = (*VARIABLES, *OFFSET, *CALIBRATION)
"""All layers in seconds, in the order of their bands."""
