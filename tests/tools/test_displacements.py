"""The commands of displacements and of pictures of clips: what they write and refuse."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from signjax import demo, rendering
from signjax.demo import dataset
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.rendering import labeled_pose, rasterize, shapes
from signjax.tools import displacements, viz

TEXTS = ("Hello", "Hello my friend.", "Yes hello!", "My friend is happy.", "Hello, hello")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """datasets/demo, which can be read, and datasets/other, the same clips without the demo's mark."""
    root = tmp_path_factory.mktemp("home")
    for number, text in enumerate(TEXTS):
        folder = root / f"datasets/demo/train/c_{number}"
        folder.mkdir(parents=True)
        pose = demo.synthesize_pose(text, np.random.default_rng(number), signer=5 if number == 2 else number)
        (folder / "pose.json").write_text(dataset.format_pose_json(pose, number))
        (folder / "text.txt").write_text(text)
    shutil.copytree(root / "datasets/demo", root / "datasets/other")
    (root / "datasets/demo/demo.json").write_text("{}")
    return root


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Runs a command in the home folder: (exit code, stdout, stderr)."""

    def call(command, *arguments):
        monkeypatch.chdir(home)
        code = command.main([str(a) for a in arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def written(home):
    """The files of two commands: outputs/displacements and templates in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert displacements.main(["extract", "--words", "hello", "--norm"]) == 0
        for align in ("phase", "dtw"):
            for norm in ([], ["--norm"]):
                out = f"out/{align}{len(norm)}"
                command = ["average", "--words", "hello", "--align", align, "--out", out, *norm]
                assert displacements.main(command) == 0
    return home / "outputs/displacements"


def test_signs_are_cut_out_of_sentences(home, written):
    items = json.loads(next(written.glob("manifest_*.json")).read_text())["items"]
    assert [item["sid"] for item in items if "npy" in item] == ["c_0", "c_1", "c_2", "c_4", "c_4"]
    assert len([item for item in items if "npy_norm" in item]) == 5
    for item in items:
        kind = "" if "npy" in item else "_norm"
        deltas, start = np.load(home / item[f"npy{kind}"]), np.load(home / item[f"p0{kind}"])
        meta = json.loads((home / item[f"npy{kind}"]).with_suffix(".json").read_text())
        first, end = meta["frames"]
        pose = json.loads((home / meta["sample_dir"] / "pose.json").read_text())["poses"][first:end]
        body = np.array([frame["pose_keypoints_2d"] for frame in pose]).reshape(-1, 8, 3)
        places = np.concatenate([start[None], start + np.cumsum(deltas, axis=0)])[:, :8]
        if kind:
            places = places * meta["scale"] + meta["origin"]
        np.testing.assert_allclose(places, body, atol=1e-5)


def test_templates_say_hello(home, written):
    for folder in ("phase0", "phase1", "dtw0", "dtw1"):
        meta = next((home / "out" / folder).glob("template_hello_*_T*.json"))
        content = json.loads(meta.read_text())
        positions = np.load(meta.with_name(f"{meta.stem}_positions.npy"))
        deltas = np.load(meta.with_name(f"{meta.stem}_deltas.npy"))
        assert demo.read_signs(positions) == ["hello"]
        assert list(positions.shape) == content["positions_shape"] and len(deltas) == content["T_star"]
        np.testing.assert_allclose(np.diff(positions, axis=0), deltas, atol=1e-6)
        assert len(content["sources"]) == 5 and len(content["mirrored"]) == 1
        manifest = json.loads(next(meta.parent.glob("manifest_*.json")).read_text())
        assert manifest["items"] == [{"word": "hello", "base": meta.stem}]


def test_data_that_cannot_be_cut_are_taken_whole_and_say_so(run, tmp_path):
    code, out, err = run(displacements, "extract", "--name=other", "--words", "hello", "--out", tmp_path)
    assert code == 0 and "error" not in err
    assert "inside sentences" in out and "hello: 1 clips" in out and "3 more" in out
    [path] = tmp_path.glob("disp_*.json")
    assert path.stem.endswith("_train_c_0") and path.with_suffix(".npy").exists()


def test_data_sets_are_not_mixed(run, tmp_path):
    """The same words of two data sets in one folder are not averaged together."""
    for name in ("demo", "other"):
        assert run(displacements, "extract", f"--name={name}", "--words", "hello", "--out", tmp_path)[0] == 0
    code, _, err = run(displacements, "average", "--words", "hello", "--folder", tmp_path)
    assert code == 23 and "demo (3-D) and other (3-D)" in err and err.count("\n") == 1


@pytest.mark.parametrize("arguments, message", [
    (["extract", "--words", "hello", "banana"], "no text has 'banana'"),
    (["extract", "--words", "friend", "--name=other"], "2 sentence(s), which cannot be cut"),
    (["extract", "--words", "hello", "--split=dev"], "no such split"),
    (["extract", "--words", "hello", "--name=none"], "none"),
    (["average", "--words", "hello", "--folder=nowhere"], "nowhere"),
    (["average", "--words", "banana"], "0 raw clip(s) of 'banana'"),
    (["average", "--words", "hello", "--samples=1"], "needs two"),
])  # fmt: skip
def test_a_fault_is_one_line_and_writes_nothing(run, written, tmp_path, arguments, message):
    code, _, err = run(displacements, *arguments, "--out", tmp_path / "out")
    assert code == 21 and message in err, err
    assert [line for line in err.splitlines() if line.startswith("error: ")] == err.splitlines()[-1:]
    assert not (tmp_path / "out").exists()


def drawn(folder):
    """Frames of each GIF and the names of the pages in a folder."""
    frames = {}
    for path in folder.glob("*.gif"):
        with Image.open(path) as image:
            frames[path.stem] = image.n_frames
    return frames, {path.stem for path in folder.glob("*.html")}


def test_text_draws_recorded_clips_the_plain_ones_first(run, tmp_path):
    code, out, _ = run(viz, "text", "--text", "my friend", "--num", 2, "--out", tmp_path)
    frames, pages = drawn(tmp_path)
    assert code == 0 and set(frames) == {"real_my-friend_train_c_1", "real_my-friend_train_c_3"}
    assert pages == {"real_my-friend_train"} and str(tmp_path / "real_my-friend_train.html") in out
    code, out, _ = run(viz, "text", "--text", "HELLO", "--out", tmp_path / "one")
    assert set(drawn(tmp_path / "one")[0]) == {"real_HELLO_train_c_0"}


def test_deltas_and_starting_poses_are_drawn(run, home, written, tmp_path):
    template = next((home / "out/phase0").glob("*_deltas.npy"))
    clip = next(written.glob("disp_*_c_0-*_p0.npy"))
    code, _, err = run(viz, "deltas", template, clip, "--out", tmp_path)
    frames, pages = drawn(tmp_path)
    steps = len(np.load(template))
    assert (code, err) == (0, "") and frames[f"recon_{template.stem}"] == steps + 1 and pages == set(frames)
    code, _, err = run(viz, "p0", clip, template, "--out", tmp_path / "p0")
    frames, pages = drawn(tmp_path / "p0")
    assert (code, err) == (0, "") and set(frames.values()) == {1} and pages == set(frames)
    page = (tmp_path / f"p0/p0_{clip.stem}.html").read_text()
    assert '"right wrist"' in page


def test_samples_are_drawn_and_nothing_is_unpickled(run, tmp_path):
    pose = demo.synthesize_pose("Hello", np.random.default_rng(0))
    np.savez(tmp_path / "mine.npz", pose=pose, text="Hello <b>")
    code, _, err = run(viz, "samples", tmp_path / "mine.npz", "--out", tmp_path / "out")
    assert (code, err) == (0, "") and drawn(tmp_path / "out") == ({"sample_mine": len(pose)}, {"sample_mine"})
    (tmp_path / "flow2d_samples.pt").write_bytes(b"x")
    np.savez(tmp_path / "pickled.npz", pose=np.array([{}]))
    np.savez(tmp_path / "flat.npz", pose=pose[..., :2])
    np.savez(tmp_path / "said.npz", pose=pose, text=np.array([{}], object))
    faults = {
        "flow2d_samples.pt": "accepted is .npz",
        "pickled.npz": "cannot be read",
        "none.npz": "cannot be read",
        "flat.npz": "not [T, 50, 3]",
        "said.npz": "text",
    }
    for name, message in faults.items():
        code, _, err = run(viz, "samples", tmp_path / name, "--out", tmp_path / "none")
        assert code == 21 and message in err and err.count("\n") == 1 and name in err, (name, err)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments, code, message", [
    (["text", "--text", "banana"], 21, "no text has 'banana'"),
    (["text", "--text", "..."], 21, "'...'"),
    (["deltas", "text.txt"], 21, "is no disp_"),
    (["p0", "disp_x_p0.npy"], 21, "disp_x.json"),
    (["deltas", "a/disp_x.npy", "b/disp_x.npy"], 23, "one at a time"),
])  # fmt: skip
def test_a_fault_of_a_picture_is_one_line(run, arguments, code, message):
    result, _, err = run(viz, *arguments)
    assert result == code and message in err and err.startswith("error: ") and err.count("\n") == 1, err


@pytest.fixture
def pose():
    return demo.synthesize_pose("Hello", np.random.default_rng(0))[:1]


def test_every_joint_that_is_seen_is_a_point_with_a_name(pose, monkeypatch, tmp_path):
    labels = []
    original = labeled_pose._draw_text

    def listen(picture, text, *rest):
        labels.append(text)
        return original(picture, text, *rest)

    monkeypatch.setattr(labeled_pose, "_draw_text", listen)
    rendering.write_labeled_pose(tmp_path / "all.gif", Clip(pose, text="hello"))
    with Image.open(tmp_path / "all.gif") as image:
        assert image.n_frames == 1 and image.width > 1000
    body = [name.replace("_", " ") for name in skeleton.NAMES[:8]]
    fingers = [name.replace("right_", "").replace("_", " ") for name in skeleton.NAMES[8:29]]
    assert sorted(labels) == sorted(body + 2 * fingers)
    labels.clear()
    valid = np.ones((1, 50), bool)
    valid[:, skeleton.LEFT] = False
    rendering.write_labeled_pose(tmp_path / "one.gif", Clip(pose, valid, text="hello"))
    assert sorted(labels) == sorted([*body, *fingers, "not seen"])


def test_names_keep_apart_and_inside():
    rng = np.random.default_rng(0)
    for _ in range(50):
        xy = rng.uniform(0, 400, (21, 2)) * [1, rng.uniform(0, 1)]
        for side in labeled_pose._place_names(xy, 400, 16):
            heights = np.array([y for _, y in side])
            assert np.diff(heights).min() > 16 - 1e-6
            assert heights.min() > 8 - 1e-6 and heights.max() < 392 + 1e-6


def test_the_points_are_where_the_joints_are(pose):
    seen = shapes.prepare_figures(Clip(pose))[0]
    view = labeled_pose._draw_view(seen, labeled_pose.VIEWS[1], labeled_pose.captions.load_font(16), 520)
    paper = view == rasterize.INDEX["paper"]
    assert paper.sum() > 8 * 9, "white points inside the figure"
