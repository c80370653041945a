"""Recognizes the tensors of a checkpoint of the original project by their order and shapes.

The modules of the original project's models and their order are known, but not their names. Names only count
inside PyTorch's own layers, and to sort the tensors of a decoder after the others. Functions take what they
recognize out of the state, a dict of name to tensor; at the end nothing may be left.
"""

import re
from collections.abc import Callable

import numpy as np

from signjax.io.safe_read import InvalidFileError
from signjax.models.layers import sinusoidal_embedding
from signjax.pose.skeleton import NUM_JOINTS

POSE = 3 * NUM_JOINTS
# Where programs put the weights in what they save; without any of these it is all weights.
WRAPPERS = ("model_state_dict", "state_dict", "model")
ATTENTION = "self_attn.in_proj_weight"
# What torch.compile and torch.nn.DataParallel put before every name.
PREFIXES = ("_orig_mod.", "module.")


def extract_state(saved) -> dict[str, np.ndarray]:
    """The tensors in what was saved, those of a decoder last; raises InvalidFileError if there are none."""
    if not isinstance(saved, dict):
        raise InvalidFileError("holds no weights")
    state = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), dict)), saved)
    invalid = [name for name in state if type(name) is not str or not isinstance(state[name], np.ndarray)]
    if invalid or not state:
        what = f": {str(invalid[0])[:40]!r} is no tensor" if invalid else ""
        raise InvalidFileError(f"holds no weights{what}; give a checkpoint with {', '.join(WRAPPERS)}")
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): array for name, array in state.items()}
    # Encoder and decoder have tensors of the same shapes, which only their order tells apart; it must not
    # depend on which of them was created first. sorted keeps the order of names that are equal in this.
    names = sorted(state, key=lambda name: bool(re.search(r"(^|[._])dec", name)))
    return {name: state[name] for name in names}


def detect_sinusoid_order(state: dict) -> Callable[[int], np.ndarray]:
    """Returns a function width -> [width]: for each component of our hidden states its index in theirs.

    In the original project sines and cosines alternate, unless `state` has a table of sinusoids in our order,
    the sines first. Such tables are taken out of `state`.
    """
    orders = []
    for name, array in list(state.items()):
        table = array.squeeze()
        if array.dtype.kind == "f" and table.ndim == 2 and table.shape[1] % 2 == 0:
            ours = np.asarray(sinusoidal_embedding(np.arange(len(table)), table.shape[1]))
            for order in (np.arange, _order_interleaved):
                # Not equal: sines of large float32 angles differ a little from one library to another.
                if np.allclose(table[:, order(table.shape[1])], ours, atol=2e-3):
                    orders.append(order)
                    del state[name]
                    break
    return orders[0] if orders else _order_interleaved


def _order_interleaved(width: int) -> np.ndarray:
    return np.concatenate([np.arange(0, width, 2), np.arange(1, width, 2)])


def take_layer_stacks(state: dict) -> list[list[dict]]:
    """Takes the transformer layers out, stack by stack; each is {name in it: tensor, "name": its name}."""
    stacks: dict[str, list] = {}
    # Every layer of PyTorch's has exactly one self-attention, whose name says where the layer begins.
    for attention in [name for name in state if name.endswith(ATTENTION)]:
        prefix = attention.removesuffix(ATTENTION)
        names = [name for name in state if name.startswith(prefix)]
        layer = {name.removeprefix(prefix): state.pop(name) for name in names}
        path = prefix.rstrip(".")
        stacks.setdefault(path.rpartition(".")[0], []).append(layer | {"name": path})
    return list(stacks.values())


def get_width(stacks) -> int:
    """The width of the layers' hidden states."""
    return stacks[0][0][ATTENTION].shape[-1]


def get_mlp_width(stacks) -> int:
    """Width of the layers' MLPs; 0 without one, which `check_layer` refuses."""
    return len(stacks[0][0].get("linear1.weight", ()))


def choose_heads(fields: dict, prefix: str, width: int) -> int:
    """The number of attention heads: as the config says, else such that heads are 64 wide as in the original.

    No shape of a tensor depends on it. Fields of the config count whose names begin with `prefix` and contain
    "head".
    """
    named = [value for name, value in fields.items() if name.startswith(prefix) and "head" in name]
    # Other fields with "head" in their names, such as a dropout of heads, are no whole numbers.
    heads = {value for value in named if type(value) is int} or {max(1, width // 64)}
    if len(heads) > 1 or min(heads) < 1 or width % min(heads):
        raise InvalidFileError(
            f"its config has {sorted(heads)} heads for a width of {width}; one number must fit"
        )
    return heads.pop()


def take_module(state: dict, what: str, **shapes) -> dict[str, np.ndarray]:
    """Takes the tensors of the first module with exactly these names and shapes out of `state`.

    Args:
      state: the tensors that are left.
      what: the module, for the message.
      **shapes: name in the module -> shape, in which None is any size.

    Raises:
      InvalidFileError: there is no such module.
    """
    # The tensors of a module share the part of their names before the last dot, whatever it is.
    modules: dict[str, dict] = {}
    for name in state:
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, {})[leaf] = name
    for names in modules.values():
        if names.keys() == shapes.keys() and all(
            _matches_shape(state[names[leaf]], shapes[leaf]) for leaf in names
        ):
            return {leaf: _check_float(name, state.pop(name)) for leaf, name in names.items()}
    size = " x ".join("any" if n is None else str(n) for n in shapes["weight"])
    raise InvalidFileError(f"has no {what}: a module with {' and '.join(shapes)}, the weight {size}")


def _matches_shape(array: np.ndarray, shape: tuple) -> bool:
    return len(array.shape) == len(shape) and all(
        wanted in (None, length) for length, wanted in zip(array.shape, shape, strict=True)
    )


def _check_float(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise InvalidFileError(f"its tensor {name} holds what is no finite number")
    return array.astype(np.float32)


def take_codebook(state: dict, dim: int) -> np.ndarray:
    """Takes the codes [K, dim] out of `state`, and the moving sums that they were computed from, if any.

    Both have the same shape. Codes are sums over smoothed counts (van den Oord et al. 2017, appendix), and so
    can be told from the sums.
    """
    names = [name for name, array in state.items() if array.ndim == 2 and array.shape[1] == dim]
    shapes = {state[name].shape for name in names}
    if len(shapes) != 1 or len(names) > 2:
        raise InvalidFileError(
            f"has {len(names)} tables of {dim} columns; there must be one codebook, and its sums"
        )
    counts = [array for array in state.values() if {(*array.shape, dim)} == shapes]
    tables = {name: _check_float(name, state.pop(name)) for name in names}
    # Before the first training step the sums are a copy of the codes, so that either will do.
    if len(names) == 1 or np.array_equal(*tables.values()):
        return tables[names[0]]
    errors = {}
    for codes, sums in (names, names[::-1]):
        candidates = (_measure_codebook_error(tables[codes], tables[sums], n) for n in counts)
        errors[codes] = min(candidates, default=np.inf)
    best = min(errors, key=errors.get)
    if not errors[best] < 1e-2:
        raise InvalidFileError(
            f"its tables {' and '.join(names)} are not codes and the sums that these are made of"
        )
    return tables[best]


def _measure_codebook_error(codes, sums, counts) -> float:
    """The relative difference between codes and sums over smoothed counts; the median over all codes."""
    total = counts.sum(dtype=np.float64)
    # Smoothed as in training, so that a code without latents is not divided by zero.
    smooth = (counts + 1e-5) / (total + 1e-5 * len(counts)) * total
    error = np.abs(codes * smooth[:, None] - sums).max(1) / (np.abs(sums).max(1) + 1e-12)
    # The median: codes that were never used have tiny sums, whose relative error says nothing.
    return float(np.median(error))


def check_nothing_left(state: dict, codes: int) -> None:
    """Raises InvalidFileError if a tensor is left that is no counter and no constant of the skeleton."""
    # A tensor that is left belongs to another model: what was recognized would give other outputs without it.
    for name, array in state.items():
        allowed = array.size == 1 or array.shape == (codes,) or {NUM_JOINTS, POSE} & set(array.shape)
        if name.rpartition(".")[2] in ("weight", "bias") or not allowed:
            raise InvalidFileError(
                f"its tensor {name} {list(array.shape)} has no place in the original model"
            )


def check_layer(layer: dict, attentions: tuple) -> dict:
    """Checks the tensors of one of PyTorch's transformer layers with these attentions, and returns them.

    Raises:
      InvalidFileError: a tensor is missing, has another shape, or does not belong there.
    """
    path, mlp = layer["name"], get_mlp_width([[layer]])
    width = get_width([[layer]])
    weights = {"linear1": (mlp, width), "linear2": (width, mlp)}
    weights |= {f"{name}.out_proj": (width, width) for name in attentions}
    weights |= {f"norm{i + 1}": (width,) for i in range(len(attentions) + 1)}
    expected = {f"{name}.weight": shape for name, shape in weights.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in weights.items()}
    for name in attentions:
        # PyTorch keeps the projections to queries, keys and values in one matrix, under names of its own.
        expected |= {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)}
    tensors = {name: value for name, value in layer.items() if name != "name"}
    # Sorted, so that the message names the same tensor every time.
    for name in sorted(expected.keys() | tensors.keys()):
        shape = tensors[name].shape if name in tensors else None
        if shape != expected.get(name):
            wanted = expected.get(name, "none")
            raise InvalidFileError(
                f"its tensor {path}.{name} is {shape or 'missing'}; {wanted} must be there"
            )
    return {name: _check_float(f"{path}.{name}", value) for name, value in tensors.items()}
