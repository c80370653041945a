"""Trains a model: python -m signjax.main --config=configs/vqvae.py [--workdir=DIR] [--config.seed=1]."""

import os
import pathlib
import shlex
import sys

import jax
from absl import app, flags
from ml_collections import config_flags

from signjax import config, runtime, train
from signjax.errors import ConfigError

CONFIG = config_flags.DEFINE_config_file("config", help_string="configs/<model>.py[:<variant>]")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; default runs/<model>[-<variant>].")
MULTIHOST = flags.DEFINE_bool("multihost", False, "Join the other hosts of this job (TPU pod, SLURM, ...).")
HEARTBEAT = flags.DEFINE_integer("heartbeat", 30, "Seconds of silence after which a host counts as lost.", 1)


@runtime.one_line
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
    runtime.enable_compile_cache()
    path = config_flags.get_config_filename(flags.FLAGS["config"])
    command = shlex.join(["python", "-m", "signjax.main", *sys.argv[1:]])
    return train.train(CONFIG.value, WORKDIR.value or config.default_workdir(path), command)


def _number(variable: str) -> int | None:
    return int(os.environ[variable]) if variable in os.environ else None


def parse_flags(argv: list[str]) -> list[str]:
    """absl's parser, but a wrong command line or config gives one line and exit code 23."""
    given = [a.split("=", 1)[1] for a in argv if a.startswith(("--config=", "-config="))]
    path = pathlib.Path(given[-1].partition(":")[0]) if given else None
    if path and not path.is_file():
        known = ", ".join(sorted(p.name for p in pathlib.Path("configs").glob("[!_]*.py")))
        fault = f"{path}: no such config" + (f"; configs/ has: {known}" if known else "")
    else:
        try:
            return flags.FLAGS(argv)
        except (flags.Error, OSError) as e:  # the last line is the message, what is before it a trace
            fault = str(e).strip().splitlines()[-1]
        except AttributeError as e:
            fault = f"{path} has no field " + str(e).replace("\\n", ". ").replace("\\", "").strip("'\"")
    print(f"error: {fault}", file=sys.stderr)
    sys.exit(23)


if __name__ == "__main__":
    flags.mark_flag_as_required("config")
    app.run(main, flags_parser=parse_flags)
