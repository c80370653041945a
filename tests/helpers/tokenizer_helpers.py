"""Configs of tokenizers that are small enough to compile and train in a test."""

import gpt_run

SEED = {"stride": 4, "width": 16, "depth": 1, "heads": 2, "mlp": 32}


def tiny_config(variant):
    """The config "vqvae:<variant>" with little of everything."""
    c = gpt_run.get_config(f"vqvae:{variant}")
    with c.unlocked():
        c.model.size = SEED if "seed" in variant else {"stride": 4, "width": 16, "depth": 1}
    c.quantizer.dim, c.quantizer.codes = 8, 32
    return c
