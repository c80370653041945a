"""docs/paths.md: what each part tells its reader to type is typed, one command after another, and works.

With the options of the page; models are tiny and train for two steps, and there are few clips.
"""

import glob
import importlib
import re
from pathlib import Path

import format_files
import numpy as np
import pytest
from command_help import parse_commands
from paths import ROOT

from signjax import demo
from signjax.data.formats import pose_file

pytestmark = [pytest.mark.usefixtures("compile_quickly"), pytest.mark.extended]
TEXT = (ROOT / "docs/paths.md").read_text(encoding="utf-8")
PARTS = dict(part.split("\n", 1) for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:])
STEPS = {"num_steps": 2, "eval_every": 2, "save_every": 2, "mesh.shape": "(1,)"}
SMALL = {"model.width": 16, "model.depth": 1, "model.text_depth": 1, "model.heads": 2, "model.mlp": 32}
WRITER = {"versions": 1, "batch_tokens": 256, "eval_batch_size": 2, "sampler.max_tokens": 12}
SETTINGS = {
    "vqvae": {
        "model.size.width": 16,
        "model.size.depth": 1,
        "window": 32,
        "batch_size": 8,
        "eval_batch_size": 4,
    },
    "gpt": SMALL | WRITER,
    "backtranslate": SMALL | {"eval_batch_size": 2},
}
# The page cannot install its reader's programs again and again, and the videos here are none.
NOT_RUN = ("source ", "bash launch/quickstart.sh", "python -m venv", ".venv-video/")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(title) -> list[str]:
    """Does what the part says; returns the modules that were run."""
    done = []
    for kind, block in re.findall(r"^```(bash|python)\n(.*?)^```$", PARTS[title], re.MULTILINE | re.DOTALL):
        if kind == "python":
            exec(compile(block, "paths.md", "exec"), {})
            continue
        for words in parse_commands(block):
            if not " ".join(words).startswith(NOT_RUN):
                assert words[:2] == ["python", "-m"], words
                assert importlib.import_module(words[2]).main(make_small(words[2], words[3:])) == 0, words
                done.append(words[2].rpartition(".")[2])
    return done


def make_small(module, words):
    """The words of a command, patterns as a shell expands them, with settings for a test behind them."""
    words = [name for word in words for name in expand(word)]
    if module == "signjax.main":
        [model] = [re.match(r"--config=(\w+)", word)[1] for word in words if word.startswith("--config=")]
        return words + [f"--config.{k}={v}" for k, v in (SETTINGS[model] | STEPS).items()]
    return [*words, "--train=12", "--dev=4", "--test=4"] if module == "signjax.tools.demo" else words


def expand(word):
    found = sorted(glob.glob(word)) if "*" in word else [word]
    assert found, word
    return found


def write_openpose(folder, texts, table) -> None:
    """Clips of these texts as OpenPose writes them, and their table."""
    lines = ["clip\ttext"]
    for number, text in enumerate(texts):
        pose = demo.synthesize_pose(text, np.random.default_rng(number)).astype(float)
        format_files.openpose(folder / f"clip_{number:02d}", pose, format_files.validity(len(pose)))
        lines.append(f"clip_{number:02d}\t{text}")
    table.write_text("\n".join(lines) + "\n")


def test_every_part_is_tested():
    parts = [title for title in PARTS if title.startswith("I ")]
    assert len(parts) == 5 and all(f"(#{title.lower().replace(' ', '-')})" in TEXT for title in parts)
    named = re.findall(r"follow\(\"(.+?)\"\)", Path(__file__).read_text(encoding="utf-8"))
    assert sorted(named) == sorted(parts)


def test_videos(folder):
    [table] = re.findall(r"^```text\n(.*?)^```$", PARTS["I have videos"], re.MULTILINE | re.DOTALL)
    (folder / "texts.tsv").write_text(table)
    (folder / "videos").mkdir()
    for line in table.splitlines()[1:]:
        name, text, _ = line.split("\t")
        pose = demo.synthesize_pose(text, np.random.default_rng(0)).astype(float)
        file = format_files.pose_file(pose, format_files.validity(len(pose)), "holistic")
        (folder / f"videos/{name}.pose").write_bytes(pose_file.format_pose_file(file))
        (folder / f"videos/{name}.mp4").touch()
    assert follow("I have videos") == ["import_poses", "viz"]
    assert {path.suffix for path in (folder / "outputs/mine").iterdir()} == {".gif", ".html"}


def test_corpus(folder):
    texts = [text for part in demo.make_split_texts(0, (12, 4, 3)).values() for text in part]
    write_openpose(folder / "corpus", [*texts, "how are you?", "you", "thank you"], folder / "texts.tsv")
    assert follow("I have a corpus")[-1] == "evaluate"
    assert (folder / "outputs/compared").is_dir() and (
        folder / "runs/mine-gpt/scores-test/scores.json"
    ).exists()
    assert list((folder / "outputs").glob("how-are-you*.gif"))


def test_dictionary(folder):
    words = [*demo.list_words()[:12], *["hello"] * 8]
    write_openpose(folder / "dictionary", words, folder / "words.tsv")
    assert follow("I have a dictionary")[-1] == "sample"
    vocabulary = (folder / "runs/words-gpt/text.json").read_text()
    assert all(f'"{word}"' in vocabulary for word in demo.list_words()[:3]), "not spelled, however rare"
    assert len(list((folder / "outputs").glob("hello_*.npz"))) == 3


def test_avatars(folder, tiny_runs, capsys):
    (folder / "demo").symlink_to(tiny_runs / "runs/gpt")  # in the place of the model that comes along
    assert follow("I build avatars") == ["sample", "export", "export", "export", "sample"]
    for name in ("hello.gif", "hello.pose", "*/pose.json"):
        assert len(list((folder / "outputs/avatar").glob(name))) == 1, name
    assert '"frame": 0' in capsys.readouterr().out


def test_tokenizers(folder):
    assert follow("I do research on tokenizers")[-1] == "evaluate"
    for run in ("vqvae-quick", "vqvae-quick-fsq", "gpt-fsq"):
        assert (folder / f"runs/{run}/scores-test/scores.json").exists()
