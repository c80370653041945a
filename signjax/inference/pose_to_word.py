"""A trained recogniser of single signs: clips in, probabilities of words out."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from signjax.data.sign_clips import sample_frames
from signjax.inference.hub import SharedRun
from signjax.inference.word_list import normalize_word
from signjax.io import atomic, model_file, safe_read
from signjax.io.digest import digest_variables
from signjax.models.sign_recognizer import SignRecognizer
from signjax.pose.clip import Clip
from signjax.pose.skeleton import NUM_JOINTS

CALIBRATION = "calibration.json"  # {calibration_key of weights: temperature of their probabilities}
BATCH = 64
NONE = ""  # the word of a clip that is none of them
_TEMPERATURES = np.geomspace(0.25, 4, 97)


class Recognition(NamedTuple):
    """What a recogniser sees in a clip.

    Attributes:
      word: the likeliest word, "" if it is none of the recogniser's words.
      probability: of that word, or of none.
      ranking: the likeliest words and their probabilities, best first.
    """

    word: str
    probability: float
    ranking: tuple[tuple[str, float], ...]


@dataclass(frozen=True, eq=False)
class PoseToWord(SharedRun):
    """A trained recogniser, of a run with task "recognizer".

    Attributes:
      config: of its run.
      variables: parameters; None while the model is being trained.
      model: the flax module.
      words: that it tells apart.
      temperature: that its logits are divided by, fitted to dev clips (Guo et al. 2017).
    """

    config: ml_collections.ConfigDict
    variables: dict | None
    model: SignRecognizer
    words: tuple[str, ...]
    temperature: float = 1.0

    codec = None
    can_generate = False
    can_translate = False
    can_recognize = True
    can_stream = False
    has_tokens = False

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that identify weights and words; signatures of scores contain them."""
        assert self.variables is not None, "only a trained run is quoted"
        return digest_variables(self.variables["params"], "\0".join(self.words).encode())

    @property
    def calibration_key(self) -> str:
        """By which the file of temperatures names the weights: the same for a shared run in float16."""
        assert self.variables is not None, "only a trained run is calibrated"
        return digest_variables(model_file.round_to_float16(self.variables)["params"])

    def with_variables(self, variables: dict) -> "PoseToWord":
        """The same model with other variables; nothing is compiled again."""
        return dataclasses.replace(self, variables=variables)

    def compute_logits(self, clips: Sequence[Clip]) -> np.ndarray:
        """Logits [n, W + 1] of each clip, the last of none of the words, which a clip without frames is.

        A clip's logits do not depend on the other clips.

        Raises:
          DataError: a clip has no place in canonical space.
        """
        result = np.full((len(clips), len(self.words) + 1), -np.inf, np.float32)
        result[:, -1] = 0
        numbers = [i for i, clip in enumerate(clips) if len(clip)]
        frames = self.config.window
        for start in range(0, len(numbers), BATCH):
            chosen = numbers[start : start + BATCH]
            pose = np.zeros((BATCH, frames, NUM_JOINTS, 3), np.float32)
            valid = np.zeros((BATCH, frames, NUM_JOINTS), bool)
            for row, i in enumerate(chosen):
                example = sample_frames(clips[i], frames)
                pose[row], valid[row] = example["pose"], example["valid"]
            logits = _apply_model(self.model, self.variables, jnp.asarray(pose), jnp.asarray(valid))
            result[chosen] = np.asarray(logits)[: len(chosen)]
        return result

    def classify(self, clips: Sequence[Clip]) -> np.ndarray:
        """Probabilities [n, W + 1] of each of `words`, and last of none of them; see `compute_logits`."""
        logits = self.compute_logits(clips) / self.temperature
        exps = np.exp(logits - logits.max(-1, keepdims=True))
        return exps / exps.sum(-1, keepdims=True)

    def recognize(self, clips: Sequence[Clip], top: int = 5) -> list[Recognition]:
        """The likeliest words of each clip; raises as `compute_logits`."""
        names, results = (*self.words, NONE), []
        for row in self.classify(clips):
            order = np.argsort(-row, kind="stable")
            ranking = tuple((names[k], float(row[k])) for k in order[:top])
            results.append(Recognition(*ranking[0], ranking))
        return results

    def find_labels(self, texts: Sequence[str]) -> np.ndarray:
        """The number [n] of each text's word among `words`; W for a text that is none of them."""
        numbers = {word: k for k, word in enumerate(self.words)}
        return np.array([numbers.get(normalize_word(text), len(self.words)) for text in texts], int)


# By the model, which is hashable: each new run of the same shape uses the same program.
@functools.partial(jax.jit, static_argnums=0)
def _apply_model(model: SignRecognizer, variables, pose, valid):
    return model.apply(variables, pose, valid)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature under which labels [n] are likeliest by logits [n, K]; 1 without clips.

    With few clips, all of them right, there would be no bound: the fit is of one more clip that is wrong.
    """
    if not len(labels):
        return 1.0
    scaled = logits[None] / _TEMPERATURES[:, None, None]
    scaled = scaled - scaled.max(-1, keepdims=True)
    likely = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))  # [temperatures, n, K]
    picked = likely[:, np.arange(len(labels)), labels].sum(1)
    # The mean over clips and over all other words, as a clip of a chance word would have it.
    wrong = likely.mean((1, 2))
    return float(_TEMPERATURES[np.argmax(picked + wrong)])


def save_calibration(workdir, key: str, temperature: float) -> None:
    """Adds the temperature of some weights to the run's file; `key` is their `calibration_key`."""
    table = _read_calibration(workdir) | {key: round(temperature, 4)}
    atomic.write_file(Path(workdir, CALIBRATION), (json.dumps(table, indent=0) + "\n").encode())


def load_calibration(workdir, key: str) -> float:
    """The temperature of the weights with a `calibration_key`; 1 if none was fitted to them."""
    return _read_calibration(workdir).get(key, 1.0)


def _read_calibration(workdir) -> dict[str, float]:
    path = Path(workdir, CALIBRATION)
    if not path.is_file():
        return {}
    try:
        table = safe_read.read_json(path)
    except safe_read.InvalidFileError:
        return {}
    # A file of a stranger's: what is no temperature is as if it were not there.
    good = isinstance(table, dict)
    return {k: v for k, v in table.items() if type(v) is float and 0.2 < v < 5} if good else {}
