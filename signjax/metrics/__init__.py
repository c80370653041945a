"""Metrics: clips and texts in, numbers out.

    signjax.metrics.dtw_mje(reference, prediction)
    signjax.metrics.mpjpe(references, predictions, part="hands")
    signjax.metrics.bleu("how are you?", "who are you?")

Each takes a signjax.Clip (a text) or a list of them on either side, the references first; a list is scored as
a corpus, as papers do. See signjax.metrics.functional. The scores behind the numbers, with signatures and
bootstrap intervals, are in the other modules.
"""

from typing import TYPE_CHECKING

# For editors and type checkers; at run time nothing is imported before it is used.
if TYPE_CHECKING:
    from signjax.metrics.functional import (
        acceleration_error,
        bleu,
        bone_length_error,
        chrf,
        deviation_ratio,
        diversity,
        dtw_jpe,
        dtw_mje,
        dtwp,
        fgd,
        hand_travel_ratio,
        jitter_ratio,
        mpjpe,
        multimodality,
        ndtw_mje,
        ndtwp,
        pa_mpjpe,
        pck,
        pt_dtw,
        rouge_l,
        speed_ratio,
        velocity_error,
        word_error_rate,
    )

__all__ = [
    "acceleration_error",
    "bleu",
    "bone_length_error",
    "chrf",
    "deviation_ratio",
    "diversity",
    "dtw_jpe",
    "dtw_mje",
    "dtwp",
    "fgd",
    "hand_travel_ratio",
    "jitter_ratio",
    "mpjpe",
    "multimodality",
    "ndtw_mje",
    "ndtwp",
    "pa_mpjpe",
    "pck",
    "pt_dtw",
    "rouge_l",
    "speed_ratio",
    "velocity_error",
    "word_error_rate",
]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Metrics of texts need no JAX, and those who train import this package without wanting either.
    from signjax.metrics import functional

    return getattr(functional, name)


# What is not imported yet is found by completion all the same.
def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
