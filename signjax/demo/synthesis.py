"""Text to pose: the demo language signed by a made-up signer."""

import numpy as np

from signjax.demo import text as demo_text
from signjax.demo.animation import animate_glosses
from signjax.demo.body import forward_kinematics as kinematics
from signjax.demo.jitter import add_jitter as add_jitter
from signjax.demo.signers import NUM_SIGNERS, Signer
from signjax.demo.signers import make_signer as numbered


def synthesize_pose(
    text: str, rng: np.random.Generator, signer: Signer | int | None = None, jitter: float = 1.0
) -> np.ndarray:
    """A clip that signs the text.

    Args:
      text: anything with a Latin letter or digit; words without a sign are spelled.
      rng: draws the signer (when none is given), the timing, the sway and the jitter.
      signer: a Signer, the number of one, or None for one of the demo's signers.
      jitter: 0 for clean motion, 1 for the jitter of recorded data.

    Returns:
      pose [T, 50, 3] float32 in file units, bone lengths exactly constant before rounding.

    Raises:
      DataError: the text has no Latin letter and no digit.
    """
    tokens = demo_text.normalize_text(text)
    if signer is None:
        signer = int(rng.integers(NUM_SIGNERS))
    if not isinstance(signer, Signer):
        signer = numbered(signer)
    hands, head = animate_glosses(demo_text.tokens_to_glosses(tokens), tokens[-1] == "?", signer, rng)
    turn, drift = _draw_sway(len(head), signer, rng)
    body = kinematics(hands, head, signer, turn) + drift[:, None]
    depth = body[0, 0, 2]  # is measured from where the nose is at rest
    body = add_jitter(body, jitter, rng)
    body[..., 2] -= depth
    return (body * signer.scale + signer.origin).astype(np.float32)


def _draw_sway(frames: int, signer: Signer, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Slow motion of the trunk: roll, yaw and lean [T, 3] in radians and drift [T, 3] in lengths."""
    t = np.arange(frames)[:, None]
    period = np.concatenate([rng.uniform(60, 140, 3), rng.uniform(22, 50, 3)])
    waves = np.sin(2 * np.pi * t / period + rng.uniform(0, 2 * np.pi, 6))
    return waves[:, :3] * [0.02, 0.03, 0.015] + [0.0, signer.yaw, 0.0], waves[:, 3:] * [0.10, 0.06, 0.08]
