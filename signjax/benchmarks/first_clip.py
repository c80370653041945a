"""startup: the phases of the sample command, from its start to the files of a clip, and many clips."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time

from signjax.benchmarks import setup, timing
from signjax.errors import SignjaxError
from signjax.inference import hub

TEXTS = ("hello", "good morning my friend")  # the second is another text of the same length in ids
MANY = 100  # texts of the file
PHASES = "from signjax.benchmarks import first_clip; first_clip.print_phases({!r}, {!r}, {!r}, {})"


def measure_first_clip() -> list[timing.Measurement]:
    """Phases of `signjax.sample` with the model that comes with signjax; none if this checkout lacks it.

    The first row of each phase is with nothing compiled, the others with what the first has kept.
    """
    if not hub.has_demo_model():
        return []
    with tempfile.TemporaryDirectory(prefix="signjax-bench-") as home:
        first, *later = [_run_phases(home, TEXTS[k % 2]) for k in range(4)]
        rows = [_summarize(f"first clip, {name}", [first[name]]) for name in first]
        rows += [_summarize(f"another, {name}", [run[name] for run in later]) for name in first]
        return rows + _measure_many(home)


def print_phases(run: str, text: str, folder: str, started: float) -> None:
    """Does what the sample command does, and prints the seconds of each phase since `started` as JSON."""
    seconds: dict[str, float] = {}

    def end_phase(name: str) -> None:
        seconds[name] = time.time() - started - sum(seconds.values())

    # These imports are what is timed.
    from signjax.export import sample_files
    from signjax.inference import kept_programs
    from signjax.inference.load import load_text_to_pose

    end_phase("imports")
    kept_programs.keep_programs()
    generator = load_text_to_pose(run)
    end_phase("loading")
    batches = list(generator.generate_batches([text]))
    end_phase("programs and generation")
    list(sample_files.write_samples(batches, [text], 1, folder, run, ("gif", "npz", "html")))
    end_phase("drawing and writing")
    print(json.dumps(seconds | {"in all": sum(seconds.values())}))


def _run_phases(home: str, text: str) -> dict[str, float]:
    code = PHASES.format(hub.DEMO, text, f"{home}/out", time.time())
    return json.loads(_run_python(home, "-c", code).splitlines()[-1])


def _measure_many(home: str) -> list[timing.Measurement]:
    """Seconds of a clip of many, with the start of the command."""
    texts = pathlib.Path(home, "texts.txt")
    texts.write_text("".join(f"{TEXTS[k % 2]} {k}\n" for k in range(MANY)))
    rows = []
    for forms in ("npz", "npz,gif,html"):
        seconds = []
        for _ in range(2):
            begin = time.perf_counter()
            options = [f"--workdir={hub.DEMO}", f"--file={texts}", f"--formats={forms}", f"--out={home}/out"]
            _run_python(home, "-m", "signjax.sample", *options)
            seconds.append(time.perf_counter() - begin)
        # The first has compiled for this number of rows.
        rows.append(_summarize(f"{MANY} texts as {forms}", seconds[1:], MANY))
    return rows


def _run_python(home: str, *words: str) -> str:
    command = [sys.executable, *words]
    finished = subprocess.run(
        command, env=setup.make_environment(home), capture_output=True, text=True, check=False
    )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no message"]
        raise SignjaxError(f"{' '.join(command)} ended with {finished.returncode}: {lines[-1]}")
    return finished.stdout


def _summarize(name: str, seconds: list[float], units: int = 1) -> timing.Measurement:
    rate = f"{units / seconds[0]:.3g} clips a second" if units > 1 else ""
    return timing.Measurement(name, tuple(seconds), units, note=rate)
