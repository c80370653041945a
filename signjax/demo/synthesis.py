"""Text to pose in the demo language, by a made-up signer."""

import numpy as np

from signjax.demo import text as demo_text
from signjax.demo.animation import animate_glosses
from signjax.demo.body import forward_kinematics
from signjax.demo.jitter import add_jitter
from signjax.demo.signers import NUM_SIGNERS, Signer, make_signer


def synthesize_pose(
    text: str, rng: np.random.Generator, signer: Signer | int | None = None, jitter: float = 1.0
) -> np.ndarray:
    """Poses that sign a text.

    Args:
      text: anything with a Latin letter or digit; words without a sign are spelled.
      rng: decides the signer (if `signer` is None), the timing, the sway and the jitter.
      signer: a Signer, the number of one, or None for one of the demo's signers.
      jitter: 0 for clean motion, 1 for the jitter of recorded data.

    Returns:
      [T, 50, 3] float32 in the units of pose files; bone lengths are constant but for rounding.

    Raises:
      DataError: the text has no Latin letter and no digit.
    """
    tokens = demo_text.normalize_text(text)
    return synthesize_glosses(demo_text.tokens_to_glosses(tokens), tokens[-1] == "?", rng, signer, jitter)


def synthesize_glosses(
    glosses: list[str],
    question: bool,
    rng: np.random.Generator,
    signer: Signer | int | None = None,
    jitter: float = 1.0,
) -> np.ndarray:
    """Poses that sign glosses (signjax.demo.text), as a question or not; the rest as `synthesize_pose`."""
    if signer is None:
        signer = int(rng.integers(NUM_SIGNERS))
    if not isinstance(signer, Signer):
        signer = make_signer(signer)
    hands, head = animate_glosses(glosses, question, signer, rng)
    sway, drift = _draw_sway(len(head), signer, rng)
    body = forward_kinematics(hands, head, signer, sway) + drift[:, None]
    # As in recorded files, z is measured from the nose at rest. Before the jitter, or that of one frame would
    # move the whole clip.
    depth = body[0, 0, 2]
    body = add_jitter(body, jitter, rng)
    body[..., 2] -= depth
    return (body * signer.scale + signer.origin).astype(np.float32)


def _draw_sway(frames: int, signer: Signer, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slow motion of the trunk: roll, yaw, lean [T, 3] in rad, drift [T, 3] in neck-to-shoulder lengths."""
    t = np.arange(frames)[:, None]
    # Sines whose periods have nothing to do with the signs: a model learns nothing about the text from them.
    period = np.concatenate([rng.uniform(60, 140, 3), rng.uniform(22, 50, 3)])
    waves = np.sin(2 * np.pi * t / period + rng.uniform(0, 2 * np.pi, 6))
    return waves[:, :3] * [0.02, 0.03, 0.015] + [0.0, signer.yaw, 0.0], waves[:, 3:] * [0.10, 0.06, 0.08]
