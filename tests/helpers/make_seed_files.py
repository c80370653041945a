"""Makes tests/assets/seed: small checkpoints as the original project has them, and what PyTorch gives.

Run it where torch is installed: python tests/helpers/make_seed_files.py
"""

import sys
import types

import numpy as np
from paths import ASSETS
from safetensors.numpy import load_file

ROOT = ASSETS / "seed"
ENCODER = ASSETS / "encoders/bert"
SIZE = {"width": 16, "depth": 2, "heads": 2, "mlp": 24}
CODES, FRAMES, TOKENS = 64, 24, 12


def models():
    """A VQ-VAE and a GPT of random weights, the codes moving averages as after training."""
    import reference_torch
    import torch

    reference_torch.CODES = CODES
    torch.manual_seed(0)
    small = {"vocabulary": 3, "positions": 3, **SIZE}
    both = reference_torch.VqVae(**SIZE).eval(), reference_torch.Gpt(**SIZE, bert=small).eval()
    with torch.no_grad():
        for name, value in [pair for model in both for pair in model.named_parameters()]:
            value.copy_(float("norm" in name and "weight" in name) + 0.3 * torch.randn(value.shape))
        tokenizer = both[0]
        tokenizer.counts.uniform_(0, 5)
        tokenizer.sums.copy_(torch.randn(tokenizer.sums.shape) * tokenizer.counts[:, None])
        total = tokenizer.counts.sum()
        smooth = (tokenizer.counts + 1e-5) / (total + 1e-5 * len(tokenizer.counts)) * total
        tokenizer.codes.copy_(tokenizer.sums / smooth[:, None])
    return both


def config():
    """An object of a class that only the original project has, with what its config holds."""
    import torch

    module = sys.modules["seed_config"] = types.ModuleType("seed_config")
    module.Config = type("Config", (), {"__module__": "seed_config"})
    made, rng = module.Config(), np.random.default_rng(0)
    made.mean = torch.as_tensor(rng.normal(size=150).astype(np.float32) * 0.1)
    made.std = torch.as_tensor(rng.uniform(0.001, 0.1, 150).astype(np.float32))
    made.motion_encoder_heads = made.motion_decoder_heads = made.gpt_heads = SIZE["heads"]
    return made


def write(folder):
    """Writes vqvae.pth, gpt.pth and expected.npz."""
    import torch

    (tokenizer, model), cfg = models(), config()
    bert = {
        f"bert.{name}": torch.as_tensor(array)
        for name, array in load_file(ENCODER / "model.safetensors").items()
    }
    states = bert | {
        name: value for name, value in model.state_dict().items() if not name.startswith("bert.")
    }
    for name, state in (("vqvae", tokenizer.state_dict()), ("gpt", states)):
        torch.save(
            {"epoch": 1, "model_state_dict": state, "val_loss": 1.0, "cfg": cfg}, folder / f"{name}.pth"
        )
    rng = np.random.default_rng(1)
    moved = 1.3 * rng.normal(size=(1, FRAMES, 150))  # some beyond the two deviations that are kept
    pose = torch.as_tensor(moved.astype(np.float32)) * cfg.std + cfg.mean
    with np.load(ENCODER / "expected.npz") as saved:
        text = saved["states"][:1, saved["mask"][0]]
    tokens = torch.as_tensor([[CODES, *rng.integers(CODES, size=TOKENS)]])
    with torch.no_grad():
        codes = tokenizer._nearest(tokenizer.encode(((pose - cfg.mean) / cfg.std).clamp(-2, 2)))
        made = tokenizer.decode(tokenizer.codes[codes], FRAMES)
        logits = model.decode(tokens, torch.as_tensor(text))
        written = [CODES]
        for _ in range(TOKENS):
            last = model.decode(torch.tensor([written]), torch.as_tensor(text))[0, -1]
            written.append(int(last[:CODES].argmax()))
    arrays = {"pose": pose, "codes": codes, "made": made, "mean": cfg.mean, "std": cfg.std}
    arrays |= {"text": text, "tokens": tokens, "logits": logits, "likeliest": np.array(written[1:])}
    np.savez_compressed(
        folder / "expected.npz", **{name: np.asarray(value) for name, value in arrays.items()}
    )


if __name__ == "__main__":
    ROOT.mkdir(exist_ok=True)
    write(ROOT)
