"""The real ENVISAT scene in ../shared/data, whose lines follow a Doppler centroid of some 290 Hz."""

from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest

from local_runner.errors import OpenEOError
from local_runner.geometry.constants import SPEED_OF_LIGHT_M_S
from local_runner.geometry.coregistration import coregister
from local_runner.geometry.doppler import Doppler
from local_runner.geometry.orbit import Orbit
from local_runner.geometry.radar_grid import RadarGrid, is_zero_doppler, lines_off
from local_runner.geometry.range_doppler import backward, forward, look

from .annotations import SHARED

FOLDER = SHARED / "envisat_radar"
DAY = np.datetime64("2003-02-24", "us")
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} must exist: the real scene is not in the repository"
)


def moment(seconds):
    return DAY + np.round(np.asarray(seconds) * 1e6).astype("timedelta64[us]")


@cache
def scene():
    with h5py.File(FOLDER / "envisat.h5") as file:
        slc = file["science/LSAR/SLC"]
        swath, orbit = slc["swaths/frequencyA"], slc["metadata/orbit"]
        doppler = slc["metadata/processingInformation/parameters"]
        start = slc["swaths/zeroDopplerTime"][0]
        slant_range = swath["slantRange"][()]
        return RadarGrid(
            first_line_time=moment(start),
            line_interval_s=float(slc["swaths/zeroDopplerTimeSpacing"][()]),
            slant_range_first_m=slant_range[0],
            range_spacing_m=slant_range[1] - slant_range[0],
            shape=swath["HH"].shape,
            wavelength_m=SPEED_OF_LIGHT_M_S / float(swath["processedCenterFrequency"][()]),
            orbit=Orbit.of_times(moment(orbit["time"][()]), orbit["position"][()], orbit["velocity"][()]),
            doppler=Doppler(
                doppler["zeroDopplerTime"][()] - start,
                doppler["slantRange"][()],
                doppler["frequencyA/dopplerCentroid"][()],
            ),
        )


def topo(name, dtype="f8"):
    return np.fromfile(FOLDER / "topo" / f"{name}.rdr", dtype).reshape(500, 500).astype(float)


def residuals(image):
    """Line minus row and sample minus column of all pixels."""
    line, sample = backward(image, topo("y"), topo("x"), topo("z"))
    return line - np.arange(500)[:, None], sample - np.arange(500)


def test_pixels_are_where_their_positions_say():
    line, sample = residuals(scene())
    assert line.mean() == pytest.approx(0.19, abs=0.05)
    assert line.std() < 0.01
    assert abs(sample).max() < 0.005


def test_zero_doppler_would_be_wrong():
    line, sample = residuals(replace(scene(), doppler=None))
    assert line.mean() == pytest.approx(221, abs=1)
    assert sample.mean() == pytest.approx(-0.071, abs=0.005)


def test_the_opposite_sign_of_the_centroid_would_be_wrong():
    own = scene().doppler
    line, _ = residuals(replace(scene(), doppler=replace(own, frequency_hz=-own.frequency_hz)))
    assert line.mean() > 400


def test_the_scene_is_flagged():
    assert not is_zero_doppler(scene())
    assert lines_off(replace(scene(), doppler=None), scene().doppler) == pytest.approx(221, rel=0.05)


def test_what_needs_zero_doppler_refuses_it():
    with pytest.raises(
        OpenEOError, match=r"^DopplerNotZero: .*, instead got a Doppler centroid of 28\d\.\d Hz on average"
    ):
        coregister(scene(), scene())


def test_forward_inverts_backward():
    line, sample = np.meshgrid(np.arange(0, 500, 7.0), np.arange(0, 500, 7.0), indexing="ij")
    height = topo("z")[::7, ::7]
    back = backward(scene(), *forward(scene(), line, sample, height), height)
    assert np.abs(np.subtract(back, (line, sample))).max() <= 1e-8


def test_incidence_angle():
    incidence = np.degrees(np.arccos(look(scene(), np.arange(500.0)[:, None], topo("y"), topo("x"), topo("z"))[..., 2]))
    assert np.abs(incidence - topo("inc", "f4")).max() < 0.01
