"""What old runs give in their own process: python tests/helpers/old_run_outputs.py RUNS CLIP.npz OUT.npz."""

import hashlib
import pathlib
import sys

import jax
import numpy as np

from signjax.inference.load import load
from signjax.pose.clip import Clip

TEXTS = ["hello how are you", "my name is zoe"]


def this_machine() -> str:
    """What the last bits of a float depend on: the version of JAX, and the kind of the CPU."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines(keepends=True)
    kind = "".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))
    return f"jax {jax.__version__}, cpu {hashlib.sha256(kind.encode()).hexdigest()[:16]}"


def main(runs: str, clip: str, out: str) -> None:
    with np.load(clip, allow_pickle=False) as saved:
        recorded = Clip(saved["clip/points"])
    tokenizer, generator = load(f"{runs}/vqvae"), load(f"{runs}/gpt")
    [codes], [again] = tokenizer.encode([recorded]), tokenizer.reconstruct([recorded], canonical=True)
    results = {"vqvae/encode": codes, "vqvae/reconstruct": again.points}
    results["vqvae/codebooks"] = tokenizer.codebooks
    clips = generator.generate(TEXTS, canonical=True, max_tokens=4)
    parts = generator.stream(TEXTS[0], canonical=True, max_tokens=4, tokens_at_once=1)
    results["gpt/stream"] = np.concatenate([part.points for part in parts])
    for number, made in enumerate(clips):
        results |= {f"gpt/generate/{number}": made.points, f"gpt/tokens/{number}": made.tokens.codes}
    np.savez(out, made_on=this_machine(), **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
