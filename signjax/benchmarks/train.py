"""train: training steps of tokenizers and GPTs; the seed's architectures against PyTorch's."""

from signjax.benchmarks import flops, setup, timing, torch_reference

SIZES = (60, 8, 1)  # clips
CLIP, TEXT = 32, 16  # tokens and text ids of a clip of the reference: as in our packed rows
TARGET = 1 / 1.5  # times as fast: no slower than 1.5 times the reference
VQVAE, GPT = "PyTorch, the seed's VQ-VAE (reference)", "PyTorch, the seed's GPT (reference)"
SEED_GPT = {  # the text encoder, which the seed has frozen, keeps its two layers
    "model.width": 768,
    "model.depth": 8,
    "model.heads": 12,
    "model.mlp": 3072,
    "model.dropout": 0.1,
}
# of tokenizers that only have codes: six of 512 a token as by default, and one as the seed's
SMALL = {"num_steps": 1, "model.size.width": 16, "model.size.depth": 1}


def measure() -> list[timing.Row]:
    """A step of each model on a batch of its own config."""
    with setup.home(SIZES) as folder:
        return [*tokenizers(folder), *gpts(folder)]


def tokenizers(folder: str, changes: dict | None = None) -> list[timing.Row]:
    """The default tokenizer, and the seed's in JAX and in PyTorch on the same poses, all without dropout."""
    timed = {}
    for name, target in (("vqvae", None), ("vqvae:seed", TARGET)):
        c = setup.config(name, folder, changes)
        call, batch = setup.stepper(c, f"{folder}/step-{name}")
        work = flops.tokenizer_step(c, *batch["mask"].shape)
        timed[f"{name}, {c.batch_size} x {c.window} frames"] = timing.Run(call, 1, work, target=target)
    (first, default), (second, seed) = timed.items()
    torch, rows = torch_reference.load(), {}
    if torch:
        pose = batch["pose"].reshape(*batch["pose"].shape[:2], -1)
        rows[VQVAE] = timing.Run(torch.vqvae_step(pose, 0.0))
    return timing.compare({first: default}) + timing.compare(rows | {second: seed}, VQVAE)


def gpts(folder: str, changes: dict | None = None) -> list[timing.Row]:
    """The default GPT, and one of the seed's size against PyTorch on as many positions and text ids."""
    default = setup.trained(setup.config("vqvae", folder, SMALL), f"{folder}/runs/vqvae")
    one = setup.trained(setup.config("vqvae:vq,whole", folder, SMALL), f"{folder}/runs/vqvae-one")
    run, _ = _gpt(folder, default, changes, "gpt")
    rows = timing.compare({"gpt, packed rows": run})
    run, positions = _gpt(folder, one, SEED_GPT | (changes or {}), "gpt-seed")
    torch, timed = torch_reference.load(), {}
    if torch:
        whole, without = torch.gpt_steps(positions // CLIP, CLIP, TEXT)
        timed[GPT] = timing.Run(whole)
        timed["PyTorch, BERT's pass left out"] = timing.Run(without)
    timed["gpt of the seed's size, packed rows"] = run._replace(target=TARGET)
    return rows + timing.compare(timed, GPT)


def _gpt(folder: str, tokenizer: str, changes: dict | None, name: str) -> tuple[timing.Run, int]:
    """A run of a GPT's step, and the positions of its batch."""
    c = setup.config("gpt", folder, {"tokenizer": tokenizer, "versions": 1} | (changes or {}))
    call, batch = setup.stepper(c, f"{folder}/step-{name}")
    rows, positions, columns = batch["codes"].shape
    work = flops.gpt_step(c.model, columns, 512, rows, positions, batch["text"].shape[1])
    return timing.Run(call, 1, work), rows * positions
