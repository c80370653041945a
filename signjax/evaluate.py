"""Scores a run, or clips of another system: tables, scores.json, plots, and a page to look at.

    python -m signjax.evaluate --workdir runs/gpt
    python -m signjax.evaluate --predictions their_clips --name mine --split dev

The files go to a folder in the run, or beside the clips.
"""

import pathlib
import platform
import sys
import time
from typing import Any, NamedTuple

import jax
import ml_collections

from signjax import __version__
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import load
from signjax.errors import ConfigError
from signjax.evaluation import baselines, predictions, report_files, scorecard, tables
from signjax.inference import contracts
from signjax.inference.load import load_clip_maker, load_pose_to_text
from signjax.io import progress
from signjax.io.digest import digest_variables
from signjax.metrics import reconstruction
from signjax.metrics.score import divide_sums
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.training import checkpoint, process, run_config


class System(NamedTuple):
    """What is scored: a run, another system's folder, or a folder beside a run of the same data."""

    data: Any  # config of the data set
    run: contracts.TrainedRun | None
    folder: str | None  # of another system's clips


class Output(NamedTuple):
    """What a system gives for a split."""

    rows: dict[str, list[Clip]]  # of each row; its own clips come last
    scores: dict[str, dict]  # row -> family -> scores that need more than clips
    faults: dict[str, str]  # clip -> why another system's could not be read
    cost: dict[str, float]  # of a generator: parameters, and seconds a clip in batches, compilation left out


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Prints the tables and writes scores.json, plots, GIFs and a page; returns the exit code."""
    args = parse_options(argv)
    process.enable_compile_cache()
    begun = time.monotonic()

    def say(line: str) -> None:
        progress.clear_bar(sys.stdout)
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", flush=True)

    system = find_system(args.workdir, args.predictions, args.root, args.name)
    out = pathlib.Path(args.out or f"{args.workdir or args.predictions}/scores-{args.split}")
    held, train = load_split(system, args.split), load.load(system.data, "train")
    truth, known = list(held), list(train)
    say(f"{held.label}: {len(held)} clips to match; training clips for comparison: {len(train)}")
    by = scorecard.make_judges(
        truth, known, load.readable(system.data), find_translator(args.backtranslate, system.data, say)
    )
    output = produce(system, held, truth, by, say, args.seed)
    rows = score_rows(output, truth, known, by, say, args.seed)
    content = summary(system, held, output, rows, by, args)
    table = tables.format_tables(content["rows"])
    print(f"\n{table}\n")
    for line in content["notes"]:
        print(f"note: {line}")
    errors = divide_sums(rows[list(output.rows)[-1]].scores["distance"]["DTW-MJE"].statistics)
    for path in report_files.write_report(out, content, table, output.rows, truth, by, errors):
        print(path)
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_short_parser("signjax.evaluate", __doc__)
    parser.add_argument("--workdir", help="folder of the run to score")
    parser.add_argument("--predictions", help="folder of another system's clips, <clip>.json or .npz")
    parser.add_argument("--split", default="test", help="train, dev or test (default: %(default)s)")
    parser.add_argument("--root", help="folder of data sets (default: the run's own, or datasets)")
    name_help = "with --predictions and no --workdir: the data set (default: %(default)s)"
    parser.add_argument("--name", default="demo", help=name_help)
    parser.add_argument("--backtranslate", help="run of a back-translator (default: runs/backtranslate)")
    parser.add_argument("--out", help="folder for the files (default: <workdir>/scores-<split>)")
    seed_help = "of sampling, random rows and intervals (default: %(default)s)"
    parser.add_argument("--seed", type=int, default=0, help=seed_help)
    return parser.parse_args(argv)


def find_system(workdir, folder, root, name) -> System:
    """Loads what the flags name.

    Raises:
      ConfigError: they name nothing that makes clips.
    """
    if not workdir and not folder:
        raise ConfigError("nothing to score; give --workdir RUN or --predictions DIR")
    if not workdir:
        data = {"root": root or "datasets", "name": name}
        return System(ml_collections.ConfigDict(data), None, folder)
    run = load_clip_maker(workdir)
    data = run.config.data.copy_and_resolve_references()
    data.root = root or data.root
    return System(data, run, folder)


def load_split(system: System, split: str):
    """The clips to match, with faces if the system makes faces.

    Raises:
      DataError: the split cannot be used, or lacks faces.
    """
    if not system.run:
        return load.load(system.data, split)
    return system.run.codec.load_split(system.data, split)


def find_translator(workdir: str | None, data, say):
    """The back-translator, None if the default one is not there.

    Raises:
      ConfigError: it was trained on other data, or is no back-translator.
    """
    asked, workdir = workdir, workdir or "runs/backtranslate"
    if not asked and checkpoint.last_step(workdir, "latest") is None:
        say(f"No back-translation: {run_config.train_command(workdir)} trains a model for it")
        return None
    trained = run_config.load_config(f"{workdir}/config.json")
    wanted = f"--backtranslate wants a backtranslate run of {data.name!r}"
    if trained.task != "backtranslate":
        raise ConfigError(f"{workdir} holds a {trained.task} run; {wanted}")
    translator = load_pose_to_text(workdir)  # which finds the config to be that of the weights
    if trained.data.name != data.name:
        raise ConfigError(f"{workdir} holds a run of data {trained.data.name!r}; {wanted}")
    return translator


def produce(system: System, held, truth, by, say, seed: int) -> Output:
    """Makes the system's own rows."""
    rows, scores, faults, cost = {}, {}, {}, {}
    run = system.run
    if run:
        say("reconstructing")
        rows[scorecard.CEILING] = run.codec.reconstruct(held, canonical=True)
        errors = reconstruction.score_reconstruction(truth, rows[scorecard.CEILING])
        scores[scorecard.CEILING] = {"reconstruction": errors}
    if system.folder:
        found, faults = predictions.read_predictions(system.folder, held.sids, held.variant)
        rows["predictions"] = [scorecard.move_or_blank(clip) for clip in found]
        say(f"{system.folder}: {len(found) - len(faults)} clips, {len(faults)} missing or unreadable")
    elif run.can_generate:
        say("generating")

        def generate(texts, seed):
            return run.generate(texts, seed=seed, canonical=True)

        rows["generated"] = generate(held.texts, seed)
        begun = time.monotonic()
        generate(held.texts, seed)  # once more, as everything is compiled now
        cost = {"seconds_per_clip": (time.monotonic() - begun) / len(truth)}
        cost["parameters"] = sum(x.size for x in jax.tree.leaves(run.variables["params"]))
        own = {"multimodality": scorecard.score_multimodality(generate, held.texts, by.extractor, seed)}
        scores["generated"] = {"distribution": own}
        if run.has_tokens:
            codes = [clip.tokens.codes for clip in rows["generated"]]
            scores["generated"]["tokens"] = scorecard.score_token_bleu(codes, run.codec.encode(held))
    return Output(rows, scores, faults, cost)


def score_rows(output: Output, truth, known, by, say, seed: int) -> dict[str, scorecard.Row]:
    """Scores recorded clips, the system's own rows and the baselines."""
    mean = baselines.compute_mean_pose(known)
    own = list(output.rows.values())[-1]
    rows = {scorecard.TRUTH: truth, **output.rows}
    rows |= baselines.make_baselines(truth, known, own, seed)
    done = {}
    for number, (name, clips) in enumerate(rows.items()):
        say(f"scoring {name}")
        progress.draw_bar(sys.stdout, number, len(rows), f"{number} of {len(rows)} rows scored")
        row = scorecard.score_row(name, clips, truth, by, mean, seed)
        for family, more in output.scores.get(name, {}).items():
            row.scores[family] = row.scores.get(family, {}) | more
        if name == baselines.MEAN:
            guess = Clip(mean.points, placement=CANONICAL)  # joints that training never shows count as errors
            still = [baselines.hold_frame(guess, len(clip)) for clip in truth]
            row.scores["reconstruction"] = reconstruction.score_reconstruction(truth, still)
        done[name] = row
    progress.clear_bar(sys.stdout)
    return done


def summary(system: System, held, output: Output, rows, by, args) -> dict:
    """Everything of scores.json."""
    signatures, measured = {}, {}
    for name, row in rows.items():
        measured[name] = {f: tables.measure_scores(scores, args.seed) for f, scores in row.scores.items()}
        for scores in row.scores.values():
            signatures |= {metric: s.signature for metric, s in scores.items() if metric not in signatures}
    own = [scorecard.TRUTH, *output.rows]  # of the baselines one knows
    notes = [f"{name}: {line}" for name in own for line in rows[name].warnings]
    usage = {}
    if system.run and system.run.has_tokens:
        usage = system.run.codec.measure_codebooks(held, args.seed)
    return {
        "system": args.workdir or args.predictions,
        "predictions": system.folder,
        "weights": digest_variables(system.run.variables) if system.run else None,
        "data": {"name": system.data.name, "split": args.split, "clips": len(held)},
        "seed": args.seed,
        "versions": {"signjax": __version__, "jax": jax.__version__, "python": platform.python_version()},
        "rows": measured,
        "codebooks": usage,
        "cost": output.cost,
        "signatures": signatures,
        "warnings": {name: row.warnings for name, row in rows.items()},
        "counts": {name: row.counts for name, row in rows.items()},
        "unreadable": output.faults,
        "notes": notes + scorecard.describe_limits(len(held), by, measured),
    }


if __name__ == "__main__":
    sys.exit(main())
