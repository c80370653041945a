"""Trains a model and keeps it in a folder, the run.

    python -m signjax.main --config=configs/vqvae.py
    python -m signjax.main --config=configs/gpt.py:quick --config.num_steps=2000 --workdir=runs/gpt-mine
    python -m signjax.main --config=configs/gpt.py --help

The last lists the variants (after the colon) and the fields of a config. Any field can be set, as in
--config.optim.lr=5e-4. The run has its config, its checkpoints, and its numbers in metrics.jsonl. Ctrl-C
saves; the same command goes on.
"""

import os
import pathlib
import re
import shlex
import sys

import jax
from absl import app, flags
from ml_collections import config_flags

from signjax.cli import config_help, parsing
from signjax.errors import ConfigError, closest_match, did_you_mean
from signjax.training import loop, process, run_config

CONFIG = config_flags.DEFINE_config_file("config", help_string="configs/<model>.py[:<variant>]")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; default runs/<model>[-<variant>].")
MULTIHOST = flags.DEFINE_bool("multihost", False, "Join the other hosts of this job (TPU pod, SLURM, ...).")
HEARTBEAT = flags.DEFINE_integer("heartbeat", 30, "Seconds of silence after which a host counts as lost.", 1)
WANDB = flags.DEFINE_string("wandb", None, "Project of wandb that shows the run, too; needs no network.")
HERE = "signjax.main"


@process.run_as_command
def main(_) -> int:
    """Trains until the end, or until Ctrl-C or SIGTERM; returns the exit code."""
    if MULTIHOST.value:
        try:
            jax.distributed.initialize(
                num_processes=_number("JAX_NUM_PROCESSES"),
                process_id=_number("JAX_PROCESS_ID"),
                heartbeat_timeout_seconds=HEARTBEAT.value,
            )
        except ValueError as e:
            raise ConfigError(f"--multihost: no other hosts found here ({e})") from e
    process.enable_compile_cache()
    path = config_flags.get_config_filename(flags.FLAGS["config"])
    command = shlex.join(["python", "-m", HERE, *sys.argv[1:]])
    workdir = WORKDIR.value or run_config.default_workdir(path)
    result = loop.train(CONFIG.value, workdir, out=sys.stdout, command=command, wandb_project=WANDB.value)
    return result.exit_code


def _number(variable: str) -> int | None:
    return int(os.environ[variable]) if variable in os.environ else None


def parse_flags(argv: list[str]) -> list[str]:
    """absl's parser with this module's help; a wrong command line or config gives a line and exit code 23."""
    return parse_with_config(HERE, __doc__, argv)


def parse_with_config(name: str, doc: str, argv: list[str]) -> list[str]:
    """Parses the command line of a command that takes --config.

    Args:
      name: the command's module.
      doc: its docstring; with --config before or after it, --help shows the fields of that config.
      argv: the command line.
    """
    path = _given(argv)
    try:
        written = as_written(path) if path else None
        for field in _set(argv) if path else ():
            _demand(field, path, config_help.flat(written))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(23)
    if path and set(parsing.HELP) & set(argv):
        print(f"usage: python -m {name} --config={path} [--config.FIELD=VALUE ...]\n")
        print(f"{config_help.about(path.partition(':')[0])}\n\nfields and their values:")
        print("\n".join(config_help.shown(written)))
        sys.exit(0)
    configs = config_help.listed()
    more = "\n".join([doc, "configs:", *configs]) if configs else doc
    return parsing.flags_parser(name, more, _told, 23)(argv)


def as_written(path: str):
    """The config of "configs/gpt.py:quick".

    Raises:
      ConfigError: there is no such file, or it has no such variant.
    """
    file, values = path.partition(":")[0], flags.FlagValues()
    if not pathlib.Path(file).is_file():
        known = {pathlib.PurePath(each).stem: each for each in config_help.known()}
        near = known.get(closest_match(pathlib.PurePath(file).stem, known))
        has = f"configs/ has: {', '.join(known)}" if known else "run this in signjax's own folder"
        raise ConfigError(f"{file}: no such config; {f'did you mean {near}? ' if near else ''}{has}")
    found = config_flags.DEFINE_config_file("written", flag_values=values)  # no field of it is in sys.argv
    try:
        values(["", f"--written={path}"])
        return found.value
    except flags.Error as error:
        raise ConfigError(_told(error)) from None


def _given(argv: list[str]) -> str:
    """What --config says, "" if it is not there."""
    found = ""
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        name, _, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name == "config":
            found = value if "=" in word else after
    return found


def _set(argv: list[str]) -> list[str]:
    """The fields that a command line sets, ["optim.lr"]."""
    return [found[1] for word in argv if (found := re.match(r"--?config\.([^=]+)", word))]


def _demand(field: str, path: str, known) -> None:
    if not any(f"{name}.".startswith(f"{field}.") for name in known):
        lists = f"python -m {HERE} --config={path} --help lists all"
        raise ConfigError(f"{path} has no field {field!r}{did_you_mean(field, known, lists)}")


def _told(error: Exception) -> str:
    """What an error of the flags says; of one that a config raised they tell with a trace, its line last."""
    said = str(error).replace("\\n", "\n").strip().splitlines()[-1]
    missing = "give a config, as in --config=configs/vqvae.py"
    return missing if "--config=None" in said else re.sub(r"^signjax\.errors\.\w+: ", "", said)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main, flags_parser=parse_flags)
