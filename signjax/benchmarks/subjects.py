"""The subjects that signjax.tools.bench can measure, by name."""

from collections.abc import Callable, Iterable

from signjax.benchmarks import (
    data,
    dtw,
    gpu,
    rendering,
    sample,
    startup,
    storage,
    timing,
    tokenizer,
    torch_reference,
    train,
)
from signjax.errors import ConfigError, did_you_mean

Measure = Callable[[], list[timing.Measurement]]

SUBJECTS: dict[str, Measure] = {
    "data": data.measure_data,
    "train": train.measure_training,
    "sample": sample.measure_sampling,
    "tokenize": tokenizer.measure_tokenizers,
    "render": rendering.measure_rendering,
    "startup": startup.measure_startup,
    "dtw": dtw.measure_dtw,
}
# Only on demand: one needs a GPU, and its targets are for one kind of them; the other needs much disk.
ON_DEMAND: dict[str, Measure] = {"storage": storage.measure_storage, "gpu": gpu.measure_gpu}

WITH_REFERENCE = {"train", "sample"}  # compared with PyTorch where it is installed


def explain_left_out(names: Iterable[str]) -> list[str]:
    """Why figures of these subjects are left out on this machine, in lines."""
    reason = torch_reference.explain_missing() if WITH_REFERENCE & set(names) else ""
    return [reason] if reason else []


def select_subjects(names: list[str]) -> dict[str, Measure]:
    """The subjects of these names; without names all but those on demand.

    Raises:
      ConfigError: there is no such subject.
    """
    known = SUBJECTS | ON_DEMAND
    for name in names:
        if name not in known:
            suggestion = did_you_mean(name, known, f"choose from: {', '.join(known)}")
            raise ConfigError(f"{name!r} cannot be measured{suggestion}")
    return {name: known[name] for name in names or SUBJECTS}
