"""train: training steps of tokenizers and GPTs; the original project's models against PyTorch."""

from signjax.benchmarks import flops, setup, timing, torch_reference

SIZES = (60, 8, 1)  # clips in train, dev and test
# Tokens and text ids of a clip of the reference, as many as clips of our packed rows have.
CLIP_TOKENS, TEXT_IDS = 32, 16
TARGET = 1 / 1.5  # times as fast: no slower than 1.5 times the reference
VQVAE, GPT = "PyTorch, the original VQ-VAE (reference)", "PyTorch, the original GPT (reference)"
SEED_GPT = {  # the text encoder, which the original project does not train, keeps its two layers
    "model.width": 768,
    "model.depth": 8,
    "model.heads": 12,
    "model.mlp": 3072,
    "model.dropout": 0.1,
}
# For tokenizers that only have to give codes: a GPT's step costs the same whatever the codes mean.
SMALL = {"num_steps": 1, "model.size.width": 16, "model.size.depth": 1}


def measure_training() -> list[timing.Measurement]:
    """A step of each model on a batch of its own config."""
    with setup.make_home(SIZES) as folder:
        return [*measure_tokenizer_steps(folder), *measure_gpt_steps(folder)]


def measure_tokenizer_steps(folder: str, changes: dict | None = None) -> list[timing.Measurement]:
    """The default tokenizer, and the original in JAX and in PyTorch on the same poses, without dropout."""
    workloads = {}
    for name, target in (("vqvae", None), ("vqvae:seed", TARGET)):
        c = setup.make_config(name, folder, changes)
        step, batch = setup.make_stepper(c, f"{folder}/step-{name}")
        work = flops.count_tokenizer_step(c, *batch["mask"].shape)
        label = f"{name}, {c.batch_size} x {c.window} frames"
        workloads[label] = timing.Workload(step, 1, work, target=target)
    (first, default), (second, seed) = workloads.items()
    torch, references = torch_reference.load_reference(), {}
    if torch:
        # PyTorch's takes a frame as one row of 150 numbers.
        pose = batch["pose"].reshape(*batch["pose"].shape[:2], -1)
        references[VQVAE] = timing.Workload(torch.vqvae_step(pose, 0.0))
    # Apart: the default is another architecture, and a ratio between them would compare nothing.
    return timing.compare_workloads({first: default}) + timing.compare_workloads(
        references | {second: seed}, VQVAE
    )


def measure_gpt_steps(folder: str, changes: dict | None = None) -> list[timing.Measurement]:
    """The default GPT, and one of the original size against PyTorch on as many positions and text ids."""
    six_codes = setup.train_run(setup.make_config("vqvae", folder, SMALL), f"{folder}/runs/vqvae")
    one_code_config = setup.make_config("vqvae:vq,whole", folder, SMALL)
    one_code = setup.train_run(one_code_config, f"{folder}/runs/vqvae-one")
    # By itself: a token of the reference is one code, of this GPT six.
    default, _ = _make_gpt_workload(folder, six_codes, changes, "gpt")
    measured = timing.compare_workloads({"gpt, packed rows": default})
    seed, positions = _make_gpt_workload(folder, one_code, SEED_GPT | (changes or {}), "gpt-seed")
    torch, workloads = torch_reference.load_reference(), {}
    if torch:
        with_bert, without_bert = torch.gpt_steps(positions // CLIP_TOKENS, CLIP_TOKENS, TEXT_IDS)
        workloads[GPT] = timing.Workload(with_bert)
        workloads["PyTorch, BERT's pass left out"] = timing.Workload(without_bert)
    workloads["gpt of the original size, packed rows"] = seed._replace(target=TARGET)
    return measured + timing.compare_workloads(workloads, GPT)


def _make_gpt_workload(
    folder: str, tokenizer: str, changes: dict | None, name: str
) -> tuple[timing.Workload, int]:
    """A step of a GPT, and the positions of its batch."""
    c = setup.make_config("gpt", folder, {"tokenizer": tokenizer, "versions": 1} | (changes or {}))
    step, batch = setup.make_stepper(c, f"{folder}/step-{name}")
    rows, positions, columns = batch["codes"].shape
    work = flops.count_gpt_step(c.model, columns, 512, rows, positions, batch["text"].shape[1])
    return timing.Workload(step, 1, work), rows * positions
