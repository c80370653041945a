"""Scoring a trained run, or the clips of another system: all rows of a scorecard."""

import dataclasses
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from signjax import __version__
from signjax.data import frame_rates, load
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import ConfigError, DataError
from signjax.evaluation import baselines, report_files, scorecard, tables
from signjax.inference.contracts import TrainedRun
from signjax.inference.pose_to_text import PoseToText
from signjax.inference.pose_to_word import PoseToWord
from signjax.io.digest import digest_variables
from signjax.lexicon.lexicon import Lexicon
from signjax.metrics import reconstruction, tokenization
from signjax.metrics.score import divide_sums
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL

Report = Callable[[str], None]


@dataclass(frozen=True)
class Scorecard:
    """The scores of a system beside those of recorded clips, of the tokenizer and of baselines.

    Attributes:
      content: of scores.json; content["rows"][row][family][metric] has "value", "low" and "high", the bounds
        of the 95 % bootstrap interval.
      clips: the clips of the system, by row.
      truth: the recorded clips.
      judges: what scored them.
      errors: [n] DTW-MJE of the clips of the last row.
    """

    content: dict[str, Any]
    clips: dict[str, list[Clip]]
    truth: list[Clip]
    judges: scorecard.Judges
    errors: Any

    @property
    def notes(self) -> list[str]:
        """Caveats about the scores, a line each."""
        return self.content["notes"]

    def table(self) -> str:
        """The scores as text, with a table for each family of metrics."""
        return tables.format_tables(self.content["rows"])

    def to_json(self) -> str:
        """The scores as the JSON of scores.json."""
        return json.dumps(self.content, indent=1, ensure_ascii=False)

    def write(self, folder) -> list[Path]:
        """Writes scores.json, the tables, plots, GIFs and a page of some clips; returns their paths.

        Raises:
          StorageError: a file cannot be written.
        """
        out, table = Path(folder), self.table()
        return report_files.write_report(
            out, self.content, table, self.clips, self.truth, self.judges, self.errors
        )

    def __repr__(self) -> str:
        data = self.content["data"]
        return f"Scorecard({data['name']}/{data['split']}, {data['clips']} clips)\n{self.table()}"


def score(
    system: TrainedRun | Sequence[Clip],
    dataset: PackedDataset,
    back_translator: PoseToText | None = None,
    *,
    recognizer: PoseToWord | None = None,
    train: PackedDataset | None = None,
    lexicon: Lexicon | None = None,
    predictions: Sequence[Clip] | None = None,
    is_demo: bool | None = None,
    tokenize: str | None = None,
    seed: int = 0,
    about: Mapping[str, Any] | None = None,
    report: Report = lambda line: None,
) -> Scorecard:
    """Scores a trained run, or the clips of another system, against the recorded clips of a split.

    Args:
      system: a run that makes clips (see `signjax.load`), or a list with a clip for each of the data set's.
      dataset: the recorded clips, as the system takes them: `run.codec.load_split` for a run with faces.
      back_translator: translates clips into texts, for BT scores; trained on other clips of the same data.
      recognizer: recognises single signs, for data sets of single words; trained on recordings that the
        system has not seen.
      train: training clips, for baselines and copies; by default the training split of the run's data.
      lexicon: a dictionary of the same language, for a row of stitched clips.
      predictions: clips of another system, scored beside the run's tokenizer instead of the run's clips.
      is_demo: whether the clips are in the demo language, which can be read by rule; by default as the run's
        data say, and False for a list of clips.
      tokenize: how BT scores divide texts: "words", "gloss", or as sacrebleu "13a", "zh" or "char". By
        default "gloss" for a data set loaded with text="gloss", else "words".
      seed: of sampling, random rows and intervals.
      about: further entries of `Scorecard.content`, about the system.
      report: called with a line about each stage.

    Raises:
      ConfigError: the run makes no clips, or there is no such tokenization.
      DataError: a system does not have as many clips as the data set, or there are no training clips.
    """
    if isinstance(system, TrainedRun):
        run = system
    else:
        run, predictions = None, system
    train, is_demo = _resolve_training_data(run, train, is_demo)
    if predictions is not None and len(predictions) != len(dataset):
        raise DataError(
            f"{len(predictions)} clips, and {dataset.label} has {len(dataset)}; give one for each"
        )
    if run and run.codec is None and not run.can_generate:
        raise ConfigError(f"a {run.config.task} run makes no clips; score one that does")
    # As lists: a packed data set makes a clip anew at every access, and all rows need all clips.
    truth, training_clips = list(dataset), list(train)
    report(f"{dataset.label}: {len(dataset)} clips to match; training clips for comparison: {len(train)}")
    tokenize = tokenize or tokenization.choose_tokenization(dataset.text_kind)
    judges = scorecard.make_judges(truth, training_clips, is_demo, back_translator, tokenize, recognizer)
    clips, extra_scores, cost = _make_rows(run, predictions, dataset, truth, judges, seed, report)
    rows = _score_rows(clips, extra_scores, truth, training_clips, judges, seed, report, lexicon)
    content = _collect_content(run, dataset, rows, list(clips), judges, cost, seed, about or {})
    # The last of the system's rows is the system itself; the tokenizer's ceiling comes before it.
    errors = divide_sums(rows[list(clips)[-1]].scores["distance"]["DTW-MJE"].statistics)
    return Scorecard(content, clips, truth, judges, errors)


def _resolve_training_data(
    run: TrainedRun | None, train: PackedDataset | None, is_demo: bool | None
) -> tuple[PackedDataset, bool]:
    if train is None:
        if run is None:
            advice = "give train=signjax.load_dataset(..., 'train')"
            raise DataError(f"no training clips to compare with; {advice}")
        train = load.load_configured_split(run.config.data, "train")
    if is_demo is None:
        is_demo = run is not None and load.is_demo_data(run.config.data)
    return train, is_demo


def _make_rows(run, predictions, dataset: PackedDataset, truth, judges, seed: int, report: Report):
    """Makes the rows of the system, the scores that need more than clips, and the costs of a generator."""
    # In this order: whoever takes the last row takes the system itself, or its ceiling if it has no other.
    clips, extra_scores, cost = {}, {}, {}
    if run and run.codec is not None:
        report("reconstructing")
        clips[scorecard.CEILING] = run.codec.reconstruct(dataset, canonical=True)
        # Only here and for the mean pose: frame by frame one can only compare clips of equal length and pace.
        errors = reconstruction.score_reconstruction(truth, clips[scorecard.CEILING])
        extra_scores[scorecard.CEILING] = {"reconstruction": errors}
    if predictions is not None:
        clips["predictions"] = [scorecard.move_or_blank(clip) for clip in predictions]
    elif run.can_generate:
        report("generating")
        clips["generated"], extra_scores["generated"], cost = _generate_row(run, dataset, truth, judges, seed)
    if run and run.codec is not None and run.codec.rate is None:
        # What such a run makes says 25: a back-translator that knows its rate would resample it.
        made = [name for name in clips if name != "predictions"]
        clips |= {name: _copy_rates(clips[name], truth) for name in made}
    return clips, extra_scores, cost


def _copy_rates(clips: list[Clip], truth: list[Clip]) -> list[Clip]:
    return [dataclasses.replace(clip, fps=one.fps) for clip, one in zip(clips, truth, strict=True)]


def _generate_row(run, dataset: PackedDataset, truth: Sequence[Clip], judges, seed: int):
    def generate_clips(recorded, seed):
        texts = [clip.text for clip in recorded]
        return scored.generate(texts, seed=seed, canonical=True, **scored.list_conditions(recorded))

    # A recorded text of unknown letters is scored as any other: leaving it out would flatter the run.
    scored = dataclasses.replace(run, checks_letters=False)
    clips = generate_clips(truth, seed)
    # Timed the second time: the first one compiles.
    begin = time.monotonic()
    generate_clips(truth, seed)
    cost = {"seconds_per_clip": (time.monotonic() - begin) / len(dataset)}
    # A dictionary has none.
    cost["parameters"] = sum(x.size for x in jax.tree.leaves((run.variables or {}).get("params", {})))
    multimodality = scorecard.score_multimodality(generate_clips, truth, judges.extractor, seed)
    extra_scores = {"distribution": {"multimodality": multimodality}}
    if run.has_tokens:
        codes = [clip.tokens.codes for clip in clips]
        extra_scores["tokens"] = scorecard.score_token_bleu(codes, run.codec.encode(dataset))
    return clips, extra_scores, cost


def _score_rows(
    clips, extra_scores, truth, training_clips, judges, seed: int, report: Report, lexicon: Lexicon | None
) -> dict[str, scorecard.Row]:
    """Scores the recorded clips, the rows of the system and the baselines."""
    # One mean pose for all rows: it also stands in for clips that cannot be scored.
    mean = baselines.compute_mean_pose(training_clips)
    rows = {scorecard.TRUTH: truth, **clips}
    rows |= baselines.make_baselines(truth, training_clips, list(clips.values())[-1], seed, lexicon)
    scored = {}
    for number, (name, row_clips) in enumerate(rows.items(), 1):
        report(f"scoring {name} ({number} of {len(rows)})")
        # The same seed for every row: rows of equal length are compared on the same random pairs of clips.
        row = scorecard.score_row(name, row_clips, truth, judges, mean, seed)
        for family, scores in extra_scores.get(name, {}).items():
            row.scores[family] = row.scores.get(family, {}) | scores
        if name == baselines.MEAN:
            # All joints valid: those that training never shows must count as errors.
            guess = Clip(mean.points, placement=CANONICAL)
            still = [baselines.hold_frame(guess, len(clip)) for clip in truth]
            row.scores["reconstruction"] = reconstruction.score_reconstruction(truth, still)
        scored[name] = row
    return scored


def _collect_content(
    run, dataset: PackedDataset, rows, names, judges, cost, seed: int, about: Mapping[str, Any]
) -> dict:
    """Collects the content of scores.json."""
    signatures, measured = {}, {}
    for name, row in rows.items():
        measured[name] = {f: tables.measure_scores(scores, seed) for f, scores in row.scores.items()}
        for scores in row.scores.values():
            signatures |= {metric: s.signature for metric, s in scores.items() if metric not in signatures}
    name, _, split = dataset.label.rpartition("/")
    notes = _list_notes(run, dataset, rows, names)
    return {
        "system": run.run if run else None,
        "predictions": None,
        # By this a model card quotes only scores of the very weights it describes.
        "weights": digest_variables(run.variables) if run and run.variables else None,
        "data": {"name": name, "split": split, "clips": len(dataset)},
        "seed": seed,
        "versions": {"signjax": __version__, "jax": jax.__version__, "python": platform.python_version()},
        "rows": measured,
        "codebooks": run.codec.measure_codebooks(dataset, seed) if run and run.has_tokens else {},
        "cost": cost,
        "signatures": signatures,
        "warnings": {name: row.warnings for name, row in rows.items()},
        "counts": {name: row.counts for name, row in rows.items()},
        "unreadable": {},
        "notes": notes + scorecard.describe_limits(len(dataset), judges, measured),
    } | dict(about)


def _list_notes(run, dataset: PackedDataset, rows: Mapping[str, scorecard.Row], names) -> list[str]:
    # Only of recorded clips and of the system: everybody knows that a mean pose does not move.
    notes = [f"{name}: {line}" for name in (scorecard.TRUTH, *names) for line in rows[name].warnings]
    if run:
        name = dataset.label.rpartition("/")[0]
        rate = run.fps if run.codec is None else run.codec.rate
        notes.append(frame_rates.compare_rates(dataset.label, dataset.fps, run.run or "the run", rate, name))
    return [note for note in notes if note]
