"""Weights of the seed's checkpoints as ours (signjax.models.seed_vqvae, signjax.models.seed_gpt).

The seed's sinusoids have sines and cosines in turn, ours the sines first. Norms and products do not mind the
order of a state's numbers: the weights that write and read states are put in ours.
"""

from typing import NamedTuple

import numpy as np

from signjax.compat.seed import match_tensors
from signjax.compat.seed.match_tensors import POSE, take
from signjax.io.safe_read import InvalidFileError

WORDS = "embeddings.word_embeddings.weight"


class Found(NamedTuple):
    """What a checkpoint holds."""

    sizes: dict  # by the names of the config
    variables: dict
    beside: dict  # tensors of the frozen BERT, by its own names


def vqvae(saved, fields: dict) -> Found:
    """The tokenizer of a checkpoint, its statistics left out.

    Args:
      saved: what signjax.io.torch_checkpoint.read_torch gave.
      fields: of the config in it.

    Raises:
      InvalidFileError: it is another model, or one with more to it than configs/vqvae.py:seed has.
    """
    state = match_tensors.state_of(saved)
    order, stacks = match_tensors.order_of(state), match_tensors.stacks_of(state)
    depths = [len(stack) for stack in stacks]
    if len(depths) != 2 or depths[0] != depths[1]:
        raise InvalidFileError(
            f"has transformer layers {depths}; a VQ-VAE has as many in its encoder and decoder"
        )
    width = match_tensors.width_of(stacks)
    embed = take(state, "layer that poses enter", weight=(width, POSE), bias=(width,))
    fold = take(state, "convolution to tokens", weight=(None, width, None), bias=(None,))
    (dim, _, stride), p = fold["weight"].shape, order(width)
    unfold = take(state, "convolution to frames", weight=(width, width, stride), bias=(width,))
    norms = [take(state, "final norm", weight=(width,), bias=(width,)) for _ in stacks]
    enter = take(state, "layer that codes enter", weight=(width, dim), bias=(width,))
    head = take(state, "layer to poses (a kinematic one?)", weight=(POSE, width), bias=(POSE,))
    codes = match_tensors.codebook(state, dim)
    match_tensors.finish(state, len(codes))
    heads = match_tensors.heads_of(fields, "motion_", width)
    params = {
        "embed": _dense(embed["weight"][p], embed["bias"][p]),
        "fold": _dense(fold["weight"][:, p].transpose(0, 2, 1).reshape(dim, -1), fold["bias"]),
        "from_latent": _dense(enter["weight"], enter["bias"]),
        "unfold": _unfold(unfold["weight"][:, p], unfold["bias"][p]),
        "head": _dense(head["weight"][:, p], head["bias"]),
    }
    for name, stack, norm in zip(("encoder", "decoder"), stacks, norms, strict=True):
        params[f"{name}_norm"] = _norm(norm, p)
        params |= {f"{name}_{i}": _encoder_layer(layer, heads, p) for i, layer in enumerate(stack)}
    book = {"sums": codes[None], "counts": np.ones((1, len(codes)), np.float32)}
    sizes = {"stride": stride, "width": width, "depth": depths[0], "heads": heads}
    sizes |= {"mlp": match_tensors.mlp_of(stacks), "dim": dim, "codes": len(codes)}
    return Found(sizes, {"params": params, "codebook": {"quantizers_whole": book}}, {})


def gpt(saved, fields: dict, codes: int) -> Found:
    """The GPT of a checkpoint, for a tokenizer of so many codes; see `vqvae`."""
    state = match_tensors.state_of(saved)
    beside = _bert(state)
    order, stacks = match_tensors.order_of(state), match_tensors.stacks_of(state)
    if len(stacks) != 1 or "multihead_attn.in_proj_weight" not in stacks[0][0]:
        depths = [len(stack) for stack in stacks]
        raise InvalidFileError(
            f"has transformer layers {depths}; a GPT has one row of layers that attend to a text"
        )
    width, ids = match_tensors.width_of(stacks), codes + 2
    heads, p = match_tensors.heads_of(fields, "gpt_", width), order(width)
    embed = take(state, f"embedding of {codes} codes, SOS and EOS", weight=(ids, width))
    head = take(state, "layer to logits", weight=(ids, width), bias=(ids,))
    text = take(state, "layer that BERT's states enter", weight=(width, None), bias=(width,))
    match_tensors.finish(state, 0)
    layers = [_decoder_layer(layer, heads, p) for layer in stacks[0]]
    read = [layer.pop("memory_in") for layer in layers]
    params = {
        "text": _dense(text["weight"], text["bias"]),
        "memory_in": {name: np.concatenate([one[name] for one in read], axis=-1) for name in read[0]},
        "embed": {"embedding": embed["weight"][:, p]},
        "head": _dense(head["weight"][:, p], head["bias"]),
        **{f"blocks_{i}": layer for i, layer in enumerate(layers)},
    }
    sizes = {"width": width, "depth": len(layers), "heads": heads, "mlp": match_tensors.mlp_of(stacks)}
    return Found(sizes, {"params": params}, beside)


def _bert(state: dict) -> dict[str, np.ndarray]:
    """The tensors of the frozen BERT, by the names of transformers; they are taken out of `state`."""
    at = next((name.removesuffix(WORDS) for name in state if name.endswith(WORDS)), None)
    own = [name for name in state if at and name.startswith(at)]
    return {name.removeprefix(at): state.pop(name) for name in own}


def _dense(weight, bias) -> dict:
    return {"kernel": weight.T, "bias": bias}


def _unfold(weight, bias) -> dict:
    """A Dense layer for a transposed convolution: the frames of a token side by side."""
    return _dense(weight.transpose(2, 1, 0).reshape(-1, len(weight)), np.tile(bias, weight.shape[2]))


def _norm(own: dict, p, name: str = "") -> dict:
    return {"scale": own[f"{name}weight"][p], "bias": own[f"{name}bias"][p]}


def _beside(weight, bias, heads: int, parts: int) -> dict:
    """A Dense layer of `parts` of an attention's queries, keys and values, side by side in every head."""
    split = [a.reshape(parts, heads, -1, *a.shape[1:]).swapaxes(0, 1) for a in (weight, bias)]
    return _dense(split[0].reshape(weight.shape), split[1].reshape(bias.shape))


def _encoder_layer(layer: dict, heads: int, p) -> dict:
    """Params of signjax.models.layers.EncoderBlock."""
    own = match_tensors.checked(layer, ("self_attn",))
    return {
        "LayerNorm_0": _norm(own, p, "norm1."),
        "qkv": _beside(own["self_attn.in_proj_weight"][:, p], own["self_attn.in_proj_bias"], heads, 3),
        "out": _dense(own["self_attn.out_proj.weight"][p], own["self_attn.out_proj.bias"][p]),
        "LayerNorm_1": _norm(own, p, "norm2."),
        "up": _dense(own["linear1.weight"][:, p], own["linear1.bias"]),
        "down": _dense(own["linear2.weight"][p], own["linear2.bias"][p]),
    }


def _decoder_layer(layer: dict, heads: int, p) -> dict:
    """Params of an exact signjax.models.text_conditioning.DecoderBlock, and "memory_in" that makes its keys
    and values."""
    own, cross = match_tensors.checked(layer, ("self_attn", "multihead_attn")), "multihead_attn.in_proj_"
    weight, bias, width = own[f"{cross}weight"], own[f"{cross}bias"], len(p)
    return {
        "self_norm": _norm(own, p, "norm1."),
        "self_in": _beside(own["self_attn.in_proj_weight"][:, p], own["self_attn.in_proj_bias"], heads, 3),
        "self_out": _dense(own["self_attn.out_proj.weight"][p], own["self_attn.out_proj.bias"][p]),
        "cross_norm": _norm(own, p, "norm2."),
        "cross_in": _dense(weight[:width, p], bias[:width]),
        "cross_out": _dense(own["multihead_attn.out_proj.weight"][p], own["multihead_attn.out_proj.bias"][p]),
        "mlp_norm": _norm(own, p, "norm3."),
        "mlp_in": _dense(own["linear1.weight"][:, p], own["linear1.bias"]),
        "mlp_out": _dense(own["linear2.weight"][p], own["linear2.bias"][p]),
        "memory_in": _beside(weight[width:], bias[width:], heads, 2),
    }
