"""Orbits: what is interpolated, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from local_runner.errors import DataError
from local_runner.geometry.orbit import Orbit, seconds_between

from .circular import EPOCH, orbit, state

BETWEEN = np.linspace(-79, 79, 1001)


def test_the_vectors_themselves_are_met():
    given = orbit()
    position, velocity, _ = given.at(given.time_s)
    np.testing.assert_allclose(position, given.position_m, rtol=0, atol=2e-9)
    np.testing.assert_allclose(velocity, given.velocity_m_s, rtol=0, atol=2e-9)


@pytest.mark.parametrize(
    ("step_s", "position_m", "velocity_m_s"), [(1.0, 1e-7, 1e-6), (10.0, 4e-4, 2e-4), (60.0, 0.5, 0.04)]
)
def test_a_circular_orbit_is_met_between_the_vectors(step_s, position_m, velocity_m_s):
    position, velocity, _ = orbit(step_s=step_s, vectors=int(160 / step_s) + 3).at(BETWEEN)
    truth = state(BETWEEN)
    assert np.abs(position - truth[0]).max() < position_m
    assert np.abs(velocity - truth[1]).max() < velocity_m_s


def test_velocity_and_acceleration_are_derivatives_of_the_position():
    times, h = BETWEEN[BETWEEN % 10 > 0.01][1:-1], 1e-3
    position, velocity, acceleration = (np.stack([orbit().at(times + d)[i] for d in (-h, 0, h)]) for i in range(3))
    np.testing.assert_allclose((position[2] - position[0]) / (2 * h), velocity[1], atol=1e-5)
    np.testing.assert_allclose((velocity[2] - velocity[0]) / (2 * h), acceleration[1], atol=2e-5)


def test_shape_of_the_times_is_kept():
    assert [part.shape for part in orbit().at(3.0)] == [(3,)] * 3
    assert [part.shape for part in orbit().at(np.zeros((4, 5)))] == [(4, 5, 3)] * 3


def test_nan_gives_nan():
    assert all(np.isnan(part).all() for part in orbit().at(np.nan))


@pytest.mark.parametrize("time", [-80.001, 80.001])
def test_no_extrapolation(time):
    match = (
        r"^OrbitTooShort: times must lie .* \(annotation\), 2023-03-31T05:49:13.935118 to 2023-03-31T05:51:53.935118"
    )
    with pytest.raises(DataError, match=match):
        orbit().at(np.array([0.0, time]))


def test_another_epoch_keeps_the_positions():
    shift = np.timedelta64(12_345_678, "us")
    moved = orbit().since(EPOCH + shift)
    np.testing.assert_array_equal(moved.time_s, orbit().time_s - 12.345678)
    for one, other in zip(moved.at(BETWEEN[100:] - 12.345678), orbit().at(BETWEEN[100:]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)


def test_times_are_counted_in_integer_microseconds():
    times = EPOCH + np.arange(-8, 9) * np.timedelta64(10, "s") + np.timedelta64(1, "us")
    given = Orbit.of_times(times, *state(orbit().time_s), epoch=EPOCH)
    np.testing.assert_array_equal(given.time_s, orbit().time_s + 1e-6)
    assert Orbit.of_times(times, *state(orbit().time_s)).epoch == times[0]


def test_seconds_between_moments_far_from_2000_are_exact():
    assert seconds_between(EPOCH, EPOCH + np.timedelta64(1, "us")) == 1e-6


def damaged(field, change):
    given = orbit()
    values = np.array(getattr(given, field))
    change(values)
    return replace(given, **{field: values})


@pytest.mark.parametrize(
    ("field", "change", "text"),
    [
        ("position_m", lambda v: v.__setitem__((3, 0), np.nan), "position_m must be finite"),
        ("velocity_m_s", lambda v: v.__setitem__((3, 0), np.inf), "velocity_m_s must be finite"),
        ("time_s", lambda v: v.__setitem__(4, v[3]), "time_s must ascend strictly"),
        ("position_m", lambda v: v.__imul__(1e-3), "length of position_m must be 6.45e\\+06 to 1e\\+07"),
        ("velocity_m_s", lambda v: v.__imul__(1e-3), "length of velocity_m_s must be 5000 to 10000"),
        ("velocity_m_s", lambda v: v.__imul__(-1), "velocity_m_s must be the Earth-fixed rate of position_m"),
        ("time_s", lambda v: v.__isub__(600 * (np.arange(17) < 4)), "velocity_m_s must be .* after vector 3"),
    ],
)
def test_damaged_vectors_are_refused_by_field(field, change, text):
    with pytest.raises(DataError, match=rf"^OrbitInvalid: orbit vectors: {text}"):
        damaged(field, change)


def test_inertial_velocities_are_refused():
    time, node = orbit().time_s, {"argument_deg": 0.0}
    position, velocity = state(time, **node)
    inertial = velocity + 7.292e-5 * np.stack((-position[:, 1], position[:, 0], 0 * time), axis=-1)
    with pytest.raises(DataError, match=r"^OrbitInvalid: .* Earth-fixed rate .*, instead got '6\.\d% after vector"):
        Orbit(EPOCH, time, position, inertial)


def test_a_single_vector_is_refused():
    with pytest.raises(DataError, match=r"^OrbitInvalid: orbit vectors: time_s must be a list of at least 2"):
        Orbit(EPOCH, np.zeros(1), *state(np.zeros(1)))


def test_shapes_must_belong_together():
    with pytest.raises(DataError, match=r"^OrbitInvalid: orbit vectors: velocity_m_s must have the shape \(17, 3\)"):
        replace(orbit(), velocity_m_s=orbit().velocity_m_s[:-1])


def test_a_missing_time_is_refused():
    with pytest.raises(DataError, match=r"^OrbitInvalid: orbit vectors: times must all be given"):
        Orbit.of_times(np.array([EPOCH, np.datetime64("NaT")]), *state(np.arange(2)))
    with pytest.raises(DataError, match=r"^OrbitInvalid: epoch of the orbit must be a time"):
        replace(orbit(), epoch=np.datetime64("NaT"))
