"""The verify command: what passes, and which clip does not."""

import json

import numpy as np
import pytest

from signjax import demo
from signjax.data.load import load_split
from signjax.data.splits import SPLITS
from signjax.evaluation import kinematics_check
from signjax.pose import kinematics, skeleton
from signjax.tools import verify


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    demo.write_dataset(folder, sizes=(3, 2, 1))
    return folder


@pytest.mark.parametrize("form", ["2d", "3d"])
def test_the_demo_passes(form, root, capsys):
    assert verify.main([form, "--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "6 of 6 clips pass" in out and out.count("all joints") == (3 if form == "2d" else 6)
    for name in ("train", "dev", "test", "right hand", "left hand", "body"):
        assert name in out
    assert ("one length a bone" in out) == (form == "3d")
    assert verify.main([form, "--root", str(root), "--split", "dev"]) == 0
    assert "2 of 2 clips pass" in capsys.readouterr().out


def test_a_clip_that_fails_is_named(tmp_path, capsys):
    """Coordinates so large that float32 has no digits left for the rest of the hand."""
    demo.write_dataset(tmp_path, sizes=(3, 1, 1))
    clip = sorted((tmp_path / "demo/train").iterdir())[1]
    record = json.loads((clip / "pose.json").read_text())
    frame = record["poses"][4]["pose_keypoints_2d"]
    frame[3 * skeleton.R_ELBOW] = 5e2
    (clip / "pose.json").write_text(json.dumps(record))
    assert verify.main(["2d", "--root", str(tmp_path), "--split", "train"]) == 1
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and f"demo/train/{clip.name}: right_" in lines[0] and "frame 4" in lines[0]
    assert "2 of 3 clips pass" in out


def test_errors_are_those_of_the_round_trip(root, monkeypatch):
    """A joint moved on the way back by a known distance, and one that is missing, which does not count."""
    dataset = load_split(root, "demo", "dev")
    inverse = kinematics.from_planar

    def wrong(form):
        points = inverse(form)
        points[2, skeleton.L_HAND, 0] += 0.5
        points[3, skeleton.R_HAND] = np.nan
        return points

    monkeypatch.setattr(kinematics, "from_planar", wrong)
    trip = next(kinematics_check.check_clips(dataset, 2))
    assert trip.error[
        3, skeleton.R_HAND
    ] == np.inf and "right_hand of frame 3" in kinematics_check.describe_failure(trip)
    trip.error[3, skeleton.R_HAND] = 0
    assert "left_hand of frame 2" in kinematics_check.describe_failure(trip)
    errors = kinematics_check.summarize_errors([trip])
    assert (
        errors["left hand"].largest
        == pytest.approx(0.5 * trip.scale, rel=1e-4)
        == errors["all joints"].largest
    )
    assert errors["left hand"].mean == pytest.approx(0.5 * trip.scale / (21 * len(trip.error)), rel=1e-2)
    assert errors["body"].largest < 1e-6
    valid = np.ones(trip.error.shape, bool)
    valid[2, skeleton.L_HAND] = valid[3, skeleton.R_HAND] = False
    error, rigid = kinematics_check.measure_round_trip(dataset[0].points, valid, 2)
    assert error.max() < 1e-6 and rigid is None


@pytest.mark.parametrize("arguments, code, message", [
    (("--name", "nothing"), 21, "no train, dev or test folder"), (("--split", "holdout"), 21, "holdout"),
])  # fmt: skip
def test_what_is_not_there_is_said_in_one_line(arguments, code, message, root, capsys):
    assert verify.main(["2d", "--root", str(root), *arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and message in err


@pytest.mark.real
@pytest.mark.parametrize("dims", [2, 3])
def test_real_clips_come_back(dims, real_data):
    """All of them, one with hands collapsed to a point among them."""
    points = 0
    for split in SPLITS:
        trips = list(kinematics_check.check_clips(load_split(real_data, "how2sign", split), dims))
        assert not list(filter(None, map(kinematics_check.describe_failure, trips)))
        points += sum(trip.error.shape[0] for trip in trips)
        if dims == 3:
            assert (
                kinematics_check.summarize_errors(trips, rigid=True)["all joints"].largest < 5e-5
            )  # five decimals in the files
    assert points > 70_000
