"""The PyTorch reference: the original sizes, and the loop without a cache; skipped without torch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the reference needs torch: pip install -e '.[bench]'")
import reference_torch  # noqa: E402


def test_the_reference_has_the_sizes_of_the_seed():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    with torch.device("meta"):  # shapes without memory
        tokenizer, model = reference_torch.VqVae(), reference_torch.Gpt(**reference_torch.GPT)
    assert count(tokenizer) == 7_117_974 and tokenizer.codes.shape == (512, 256)
    assert count(model.bert) == 109_482_240 and not any(p.requires_grad for p in model.bert.parameters())
    assert count(model) - count(model.bert) == 76_994_818 and model.embed.weight.shape == (514, 768)
    assert {count(block) for block in model.blocks} == {9_451_776}


SMALL = {"width": 16, "depth": 1, "heads": 2, "mlp": 32}


def test_the_reference_decodes_without_a_cache():
    torch.manual_seed(0)
    bert = {"vocabulary": 30, "positions": 20, **SMALL}
    model, seen = reference_torch.Gpt(**SMALL, bert=bert).eval(), {"texts": 0, "prefixes": [], "logits": []}

    def on_text(*_):
        seen["texts"] += 1

    def on_tokens(_, inputs, logits):
        seen["prefixes"].append(inputs[0].shape[1])
        seen["logits"].append(logits[0, -1])

    model.bert.register_forward_hook(on_text)
    model.register_forward_hook(on_tokens)
    ids, generator = torch.arange(7)[None], torch.Generator().manual_seed(1)
    tokens = reference_torch.decode(model, ids, 30, generator, 30)
    assert seen["texts"] == 30 == len(tokens) and seen["prefixes"] == list(range(1, 31))
    for token, logits in zip(tokens, seen["logits"], strict=True):
        assert (logits > logits[token]).sum() < 20 and token != reference_torch.EOS
    longer = model(torch.tensor([[reference_torch.SOS, *tokens]]), ids)[0]
    for place in (0, 12, 29):  # a position's logits do not depend on what comes after it
        kept = torch.isfinite(seen["logits"][place])
        assert torch.allclose(longer[place][kept], seen["logits"][place][kept], atol=1e-5)


def test_the_reference_learns():
    pose = np.random.default_rng(0).normal(size=(2, 8, 150)).astype(np.float32)
    step = reference_torch.vqvae_step(pose, 0.0)
    first, *_, last = [step() for _ in range(4)]
    assert last < first
