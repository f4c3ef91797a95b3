from dataclasses import replace

import pytest

from local_runner.demo.safe import write_safe
from local_runner.errors import DataError
from local_runner.products.sentinel1_slc.annotation import read_annotation
from tests.products.sentinel1_slc import edits

ID = "product/swathTiming/burstList"
ORBIT = "product/generalAnnotation/orbitList"


@pytest.mark.parametrize(
    ("pattern", "text", "must"),
    [
        (
            "<burstId>249435",
            "<burstId>249436",
            rf"{ID}/burst\[1\]/burstId of .*\.xml must be 249435, the id that follows",
        ),
        (
            '<firstValidSample count="24">',
            '<firstValidSample count="23">',
            rf"{ID}/burst\[1\]/firstValidSample of .* must have as",
        ),
        ('"24">-1 -1 3', '"24">-1 -1 99', rf"{ID}/burst\[1\]/firstValidSample of .* must have samples from -1 to 31"),
        ('"24">-1 -1 28', '"24">-1 -1 2', rf"{ID}/burst\[1\]/lastValidSample of .* must not end before 3 in line 2"),
        ('<burstList count="2">', '<burstList count="3">', rf"{ID} of .* must have as many entries as its count, '3'"),
        ("<orbitList.*</orbitList>", "", rf"{ORBIT} of .* must be there once, instead got 0"),
        ("<orbitList.*</orbitList>", "<orbitList/>", rf"{ORBIT} of .* must have an entry"),
        ("Earth Fixed", "Inertial", rf"{ORBIT}/orbit\[1\]/frame of .* must be one of \('Earth Fixed',\)"),
        (r"<orbit><time>[^<]*", "<orbit><time>2030-01-01T00:00:00", rf"{ORBIT}/orbit\[2\]/time of .* must be later"),
        (r"(<position><x>)[^<]*", r"\g<1>1000.0", rf"{ORBIT}/orbit\[1\] of .* must begin the vectors of an orbit"),
        (r"(<position><x>)[^<]*", r"\g<1>nan", rf"{ORBIT}/orbit\[1\]/position/x of .* must be a finite number"),
        (
            "<slantRangeTime>[^<]*",
            "<slantRangeTime>5.6",
            r".*/imageInformation/slantRangeTime of .* from 0\.001 to 0\.1",
        ),
        ("<swath>IW2", "<swath>XX9", r"product/adsHeader/swath of .* must be one of \('IW1', "),
        ("<productType>SLC", "<productType>GRD", r"product/adsHeader/productType of .* must be one of \('SLC',\)"),
        ("<linesPerBurst>24", "<linesPerBurst>25", rf"{ID}/burst\[1\]/firstValidSample of .* must have 25 numbers"),
        (r"<dcEstimateList.*</dcEstimateList>", "", r"product/dopplerCentroid/dcEstimateList of .* must be there once"),
        ("<missionId>S1A", "<missionId>../x", r"product/adsHeader/missionId of .* must be a name like S1A"),
        ('"24">-1 -1 3', '"24">-1 -1 0_3', rf"{ID}/burst\[1\]/firstValidSample of .* must be a list of numbers"),
        (
            r"(</azimuthFmRate>.*?FmRatePolynomial count=.3.>)[^<]*",
            r"\1 0 0 0",
            r"azimuthFmRateList and dcEstimateList of .* burst 0 \(.*fm_rate must be",
        ),
        (r"(<azimuthSteeringRate>)[^<]*", r"\g<1>0", r".*/azimuthSteeringRate of .* must be a number from 0\.1 to 10"),
        ("<sensingTime>[^<]*", "<sensingTime>soon", rf"{ID}/burst\[1\]/sensingTime of .* must be a time like"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, product, pattern, text, must):
    path = edits.replace(edits.annotation(write_safe(tmp_path, product)), pattern, text)
    with pytest.raises(DataError, match=rf"^DataCorrupt: {must}"):
        read_annotation(path)


def test_bursts_must_follow_each_other(tmp_path, product):
    path = edits.annotation(write_safe(tmp_path, product))
    edits.replace(path, "(<burst>.*?</burst>)(<burst>.*?</burst>)", r"\2\1")
    with pytest.raises(DataError, match=rf"^DataCorrupt: {ID}/burst\[2\]/azimuthTime of .* must be later than that"):
        read_annotation(path)


def test_orbit_must_lie_around_the_bursts(tmp_path, product):
    path = edits.annotation(write_safe(tmp_path, product))
    vectors = path.read_text().split("<orbit>")
    start, end = vectors[0], "</orbitList>" + path.read_text().split("</orbitList>")[1]
    kept = [vector.removesuffix(end) for vector in vectors[1:5]]
    path.write_text(
        start.replace('orbitList count="14"', 'orbitList count="4"') + "".join(f"<orbit>{v}" for v in kept) + end
    )
    with pytest.raises(DataError, match=r"^DataCorrupt: orbitList of .*\.xml must lie around all bursts"):
        read_annotation(path)


def test_unknown_platform_needs_annotated_ids(tmp_path, product):
    path = edits.replace(edits.annotation(write_safe(tmp_path, product)), "<missionId>S1A", "<missionId>S1Z")
    assert read_annotation(path).relative_orbit == 117
    edits.replace(path, "<burstId>[0-9]*</burstId>", "", count=0)
    with pytest.raises(DataError, match=rf"^DataCorrupt: {ID}/burst\[1\]/burstId of .* must be there: the id cannot"):
        read_annotation(path)


def test_image_of_impossible_size(tmp_path, product):
    path = edits.annotation(write_safe(tmp_path, replace(product, swaths=("S3",), has_pixels=False)), "s3")
    edits.replace(path, "<numberOfLines>24", "<numberOfLines>2000000000")
    with pytest.raises(
        DataError, match=r"^DataCorrupt: .*/numberOfLines of .* must be a whole number from 2 to 1000000"
    ):
        read_annotation(path)
