"""Converts the original project's weights to those of signjax.models.seed_vqvae and seed_gpt.

In the original project's sinusoids sines and cosines alternate, in ours the sines come first. Norms and
matrix products do not depend on the order of a hidden state's components, so the weights that write and read
hidden states are permuted to our order, `order` below.
"""

from typing import NamedTuple

import numpy as np

from signjax.compat.seed import match_tensors
from signjax.compat.seed.match_tensors import POSE, take_module
from signjax.io.safe_read import InvalidFileError

# The one name of Hugging Face's BERT that says where its tensors begin.
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


class SeedModel(NamedTuple):
    """What a checkpoint holds."""

    sizes: dict  # of the model, named as in the config
    variables: dict
    bert_tensors: dict  # of the frozen BERT, named as in the transformers library


def convert_vqvae(saved, fields: dict) -> SeedModel:
    """Converts the tokenizer of a checkpoint, without the statistics of its poses.

    Args:
      saved: what signjax.io.torch_checkpoint.read_torch returned.
      fields: of the config in it.

    Raises:
      InvalidFileError: it is another model, or has parts that the model of configs/vqvae.py:seed lacks.
    """
    state = match_tensors.extract_state(saved)
    order_of = match_tensors.detect_sinusoid_order(state)
    stacks = match_tensors.take_layer_stacks(state)
    depths = [len(stack) for stack in stacks]
    if len(depths) != 2 or depths[0] != depths[1]:
        raise InvalidFileError(
            f"has transformer layers {depths}; a VQ-VAE has as many in its encoder and decoder"
        )
    # Each function takes its tensors out of the state, so that none is used twice. The order matters: a norm
    # after the transformers has the shapes of other norms, and a codebook those of other tables.
    width = match_tensors.get_width(stacks)
    modules, (dim, stride) = _take_vqvae_modules(state, width)
    norms = [take_module(state, "final norm", weight=(width,), bias=(width,)) for _ in stacks]
    codes = match_tensors.take_codebook(state, dim)
    match_tensors.check_nothing_left(state, len(codes))
    heads = match_tensors.choose_heads(fields, "motion_", width)
    order = order_of(width)
    params = _convert_vqvae_modules(modules, order)
    for name, stack, norm in zip(("encoder", "decoder"), stacks, norms, strict=True):
        params[f"{name}_norm"] = _make_norm(norm, order)
        params |= {
            f"{name}_{i}": _convert_encoder_layer(layer, heads, order) for i, layer in enumerate(stack)
        }
    # Our codes are sums over counts, too. A count of 1 makes the sums the codes themselves.
    book = {"sums": codes[None], "counts": np.ones((1, len(codes)), np.float32)}
    sizes = {"stride": stride, "width": width, "depth": depths[0], "heads": heads}
    sizes |= {"mlp": match_tensors.get_mlp_width(stacks), "dim": dim, "codes": len(codes)}
    return SeedModel(sizes, {"params": params, "codebook": {"quantizers_whole": book}}, {})


def _take_vqvae_modules(state: dict, width: int) -> tuple[dict, tuple[int, int]]:
    """Takes the layers outside of the transformers, by our names, and (dim of the latents, stride)."""
    # In the order in which the original project's model creates them: those of equal shapes are told apart by
    # it.
    embed = take_module(state, "layer that poses enter", weight=(width, POSE), bias=(width,))
    fold = take_module(state, "convolution to tokens", weight=(None, width, None), bias=(None,))
    dim, _, stride = fold["weight"].shape
    unfold = take_module(state, "convolution to frames", weight=(width, width, stride), bias=(width,))
    from_latent = take_module(state, "layer that codes enter", weight=(width, dim), bias=(width,))
    head = take_module(state, "layer to poses (a kinematic one?)", weight=(POSE, width), bias=(POSE,))
    modules = {"embed": embed, "fold": fold, "unfold": unfold, "from_latent": from_latent, "head": head}
    return modules, (dim, stride)


def _convert_vqvae_modules(modules: dict, order: np.ndarray) -> dict:
    embed, fold, unfold, head = (modules[name] for name in ("embed", "fold", "unfold", "head"))
    dim = len(fold["weight"])
    # A convolution whose kernel is its stride is a matrix on the frames of a token side by side: [dim, width,
    # stride] to [dim, stride * width], as our `fold` reads them.
    folded = fold["weight"][:, order].transpose(0, 2, 1).reshape(dim, -1)
    return {
        "embed": _make_dense(embed["weight"][order], embed["bias"][order]),
        "fold": _make_dense(folded, fold["bias"]),
        "from_latent": _make_dense(**modules["from_latent"]),
        "unfold": _make_unfold(unfold["weight"][:, order], unfold["bias"][order]),
        "head": _make_dense(head["weight"][:, order], head["bias"]),
    }


def convert_gpt(saved, fields: dict, codes: int) -> SeedModel:
    """Converts the GPT of a checkpoint, for a tokenizer with `codes` codes; see `convert_vqvae`."""
    state = match_tensors.extract_state(saved)
    # First, because BERT has embeddings and norms that the modules below could be mistaken for.
    bert_tensors = _take_bert(state)
    order_of = match_tensors.detect_sinusoid_order(state)
    stacks = match_tensors.take_layer_stacks(state)
    if len(stacks) != 1 or "multihead_attn.in_proj_weight" not in stacks[0][0]:
        depths = [len(stack) for stack in stacks]
        raise InvalidFileError(
            f"has transformer layers {depths}; a GPT has one row of layers that attend to a text"
        )
    # The original project has two ids beyond the codes, SOS and EOS: the end is one more output of the same
    # softmax.
    width, ids = match_tensors.get_width(stacks), codes + 2
    heads, order = match_tensors.choose_heads(fields, "gpt_", width), order_of(width)
    embed = take_module(state, f"embedding of {codes} codes, SOS and EOS", weight=(ids, width))
    head = take_module(state, "layer to logits", weight=(ids, width), bias=(ids,))
    text = take_module(state, "layer that BERT's states enter", weight=(width, None), bias=(width,))
    match_tensors.check_nothing_left(state, 0)
    layers = [_convert_decoder_layer(layer, heads, order) for layer in stacks[0]]
    # Our model computes keys and values of the text for all layers in one product, side by side.
    memory = [layer.pop("memory_in") for layer in layers]
    params = {
        "text": _make_dense(text["weight"], text["bias"]),
        "memory_in": {name: np.concatenate([one[name] for one in memory], axis=-1) for name in memory[0]},
        "embed": {"embedding": embed["weight"][:, order]},
        "head": _make_dense(head["weight"][:, order], head["bias"]),
        **{f"blocks_{i}": layer for i, layer in enumerate(layers)},
    }
    sizes = {"width": width, "depth": len(layers), "heads": heads}
    sizes |= {"mlp": match_tensors.get_mlp_width(stacks)}
    return SeedModel(sizes, {"params": params}, bert_tensors)


def _take_bert(state: dict) -> dict[str, np.ndarray]:
    """Takes the tensors of the frozen BERT out of `state`, by their names in the transformers library."""
    prefix = next(
        (name.removesuffix(WORD_EMBEDDINGS) for name in state if name.endswith(WORD_EMBEDDINGS)), None
    )
    names = [name for name in state if prefix and name.startswith(prefix)]
    return {name.removeprefix(prefix): state.pop(name) for name in names}


def _make_dense(weight, bias) -> dict:
    # PyTorch multiplies by the transposed weight, flax by the kernel as it is.
    return {"kernel": weight.T, "bias": bias}


def _make_unfold(weight, bias) -> dict:
    """A Dense layer for a transposed convolution, whose outputs are the frames of a token side by side."""
    # They are the same only because kernel and stride are equal: no two tokens add to the same frame.
    kernel = weight.transpose(2, 1, 0).reshape(-1, len(weight))
    return _make_dense(kernel, np.tile(bias, weight.shape[2]))


def _make_norm(tensors: dict, order, name: str = "") -> dict:
    return {"scale": tensors[f"{name}weight"][order], "bias": tensors[f"{name}bias"][order]}


def _group_by_head(weight, bias, heads: int, parts: int) -> dict:
    """A Dense layer whose outputs are grouped by head; `parts` is 3 for queries, keys and values, 2 without
    queries.

    PyTorch has the queries of all heads, then all keys, then all values; ours has them head by head.
    """
    grouped = [a.reshape(parts, heads, -1, *a.shape[1:]).swapaxes(0, 1) for a in (weight, bias)]
    return _make_dense(grouped[0].reshape(weight.shape), grouped[1].reshape(bias.shape))


def _convert_encoder_layer(layer: dict, heads: int, order) -> dict:
    """Params of signjax.models.layers.EncoderBlock."""
    tensors = match_tensors.check_layer(layer, ("self_attn",))
    qkv_weight = tensors["self_attn.in_proj_weight"][:, order]
    return {
        "LayerNorm_0": _make_norm(tensors, order, "norm1."),
        "qkv": _group_by_head(qkv_weight, tensors["self_attn.in_proj_bias"], heads, 3),
        "out": _make_dense(
            tensors["self_attn.out_proj.weight"][order], tensors["self_attn.out_proj.bias"][order]
        ),
        "LayerNorm_1": _make_norm(tensors, order, "norm2."),
        "up": _make_dense(tensors["linear1.weight"][:, order], tensors["linear1.bias"]),
        "down": _make_dense(tensors["linear2.weight"][order], tensors["linear2.bias"][order]),
    }


def _convert_decoder_layer(layer: dict, heads: int, order) -> dict:
    """Params of an exact signjax.models.decoder_blocks.DecoderBlock, and "memory_in", which computes its keys
    and values of the text."""
    tensors = match_tensors.check_layer(layer, ("self_attn", "multihead_attn"))
    self_weight, self_bias = (tensors[f"self_attn.in_proj_{name}"] for name in ("weight", "bias"))
    cross_weight, cross_bias = (tensors[f"multihead_attn.in_proj_{name}"] for name in ("weight", "bias"))
    width = len(order)

    def make_output(name: str) -> dict:
        return _make_dense(tensors[f"{name}.weight"][order], tensors[f"{name}.bias"][order])

    return {
        "self_norm": _make_norm(tensors, order, "norm1."),
        "self_in": _group_by_head(self_weight[:, order], self_bias, heads, 3),
        "self_out": make_output("self_attn.out_proj"),
        "cross_norm": _make_norm(tensors, order, "norm2."),
        # The first rows make queries from hidden states. The others make keys and values from the states of
        # the text, to which no sinusoids are added: their columns keep their order.
        "cross_in": _make_dense(cross_weight[:width, order], cross_bias[:width]),
        "cross_out": make_output("multihead_attn.out_proj"),
        "mlp_norm": _make_norm(tensors, order, "norm3."),
        "mlp_in": _make_dense(tensors["linear1.weight"][:, order], tensors["linear1.bias"]),
        "mlp_out": make_output("linear2"),
        "memory_in": _group_by_head(cross_weight[width:], cross_bias[width:], heads, 2),
    }
