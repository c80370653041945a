"""The tensors of a checkpoint of the seed: what each of them is, found by order and shape.

What the seed's modules are and in which order they come is known, not how they are named. Names count inside
of PyTorch's own layers only, and what calls itself a decoder's comes after the rest. Functions take what they
find out of the state, a dict of name to tensor: in the end nothing may be left.
"""

import re

import numpy as np

from signjax.io.safe_read import InvalidFileError
from signjax.models.layers import sinusoids
from signjax.pose.skeleton import NUM_JOINTS

POSE = 3 * NUM_JOINTS
WRAPPERS = ("model_state_dict", "state_dict", "model")
ATTENTION = "self_attn.in_proj_weight"


def state_of(saved) -> dict[str, np.ndarray]:
    """The tensors of what was saved, a decoder's last; raises InvalidFileError if it holds none."""
    if not isinstance(saved, dict):
        raise InvalidFileError("holds no weights")
    inner = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), dict)), saved)
    wrong = [name for name in inner if type(name) is not str or not isinstance(inner[name], np.ndarray)]
    if wrong or not inner:
        what = f": {str(wrong[0])[:40]!r} is no tensor" if wrong else ""
        raise InvalidFileError(f"holds no weights{what}; give a checkpoint with {', '.join(WRAPPERS)}")
    for prefix in ("_orig_mod.", "module."):
        if all(name.startswith(prefix) for name in inner):
            inner = {name.removeprefix(prefix): array for name, array in inner.items()}
    return {name: inner[name] for name in sorted(inner, key=lambda n: bool(re.search(r"(^|[._])dec", n)))}


def order_of(state: dict):
    """width -> where our states find their numbers in the seed's.

    Sines and cosines are in turn there, unless a table of sinusoids in `state` has them as ours. Such tables
    are taken out.
    """
    orders = []
    for name, array in list(state.items()):
        table = array.squeeze()
        if array.dtype.kind == "f" and table.ndim == 2 and table.shape[1] % 2 == 0:
            ours = np.asarray(sinusoids(np.arange(len(table)), table.shape[1]))
            for order in (np.arange, _turned):
                if np.allclose(table[:, order(table.shape[1])], ours, atol=2e-3):
                    orders.append(order)
                    del state[name]
                    break
    return orders[0] if orders else _turned


def _turned(width: int) -> np.ndarray:
    return np.concatenate([np.arange(0, width, 2), np.arange(1, width, 2)])


def stacks_of(state: dict) -> list[list[dict]]:
    """The transformer layers, stack by stack, each {name in the layer: tensor, "name": of the layer}."""
    found: dict[str, list] = {}
    for name in [name for name in state if name.endswith(ATTENTION)]:
        at = name.removesuffix(ATTENTION)
        layer = {own.removeprefix(at): state.pop(own) for own in [n for n in state if n.startswith(at)]}
        found.setdefault(at.rstrip(".").rpartition(".")[0], []).append(layer | {"name": at.rstrip(".")})
    return list(found.values())


def width_of(stacks) -> int:
    """D of the layers."""
    return stacks[0][0][ATTENTION].shape[-1]


def mlp_of(stacks) -> int:
    """Width of the layers' MLPs; 0 without one, which `checked` refuses."""
    return len(stacks[0][0].get("linear1.weight", ()))


def heads_of(fields: dict, prefix: str, width: int) -> int:
    """Heads of the attention, on which no shape depends: 64 wide as the seed's.

    Fields of the config that begin with `prefix` may say otherwise.
    """
    named = [value for name, value in fields.items() if name.startswith(prefix) and "head" in name]
    said = {value for value in named if type(value) is int} or {max(1, width // 64)}
    if len(said) > 1 or min(said) < 1 or width % min(said):
        raise InvalidFileError(
            f"its config has {sorted(said)} heads for a width of {width}; one number must fit"
        )
    return said.pop()


def take(state: dict, what: str, **shapes) -> dict[str, np.ndarray]:
    """The tensors of the first module that has just these, taken out of `state`; None is any size."""
    modules: dict[str, dict] = {}
    for name in state:
        at, _, leaf = name.rpartition(".")
        modules.setdefault(at, {})[leaf] = name
    for own in modules.values():
        if own.keys() == shapes.keys() and all(_fits(state[own[leaf]], shapes[leaf]) for leaf in own):
            return {leaf: _float(name, state.pop(name)) for leaf, name in own.items()}
    size = " x ".join("any" if n is None else str(n) for n in shapes["weight"])
    raise InvalidFileError(f"has no {what}: a module with {' and '.join(shapes)}, the weight {size}")


def _fits(array: np.ndarray, shape: tuple) -> bool:
    return len(array.shape) == len(shape) and all(
        w in (None, n) for n, w in zip(array.shape, shape, strict=True)
    )


def _float(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise InvalidFileError(f"its tensor {name} holds what is no finite number")
    return array.astype(np.float32)


def codebook(state: dict, dim: int) -> np.ndarray:
    """The codes [K, dim]. They may have the moving sums beside them that they are made of.

    Codes are sums over smoothed counts (van den Oord et al. 2017, appendix): so they are told from the sums.
    """
    tables = [name for name, array in state.items() if array.ndim == 2 and array.shape[1] == dim]
    shapes = {state[name].shape for name in tables}
    if len(shapes) != 1 or len(tables) > 2:
        raise InvalidFileError(
            f"has {len(tables)} tables of {dim} columns; there must be one codebook, and its sums"
        )
    counts = [array for array in state.values() if {(*array.shape, dim)} == shapes]
    found = {name: _float(name, state.pop(name)) for name in tables}
    if len(tables) == 1 or np.array_equal(*found.values()):
        return found[tables[0]]
    errors = {}
    for name, other in (tables, tables[::-1]):
        errors[name] = min((_miss(found[name], found[other], n) for n in counts), default=np.inf)
    best = min(errors, key=errors.get)
    if not errors[best] < 1e-2:
        raise InvalidFileError(
            f"its tables {' and '.join(tables)} are not codes and the sums that these are made of"
        )
    return found[best]


def _miss(codes, sums, counts) -> float:
    """By how much codes are not sums over smoothed counts, of the middle code, relative."""
    total = counts.sum(dtype=np.float64)
    smooth = (counts + 1e-5) / (total + 1e-5 * len(counts)) * total
    error = np.abs(codes * smooth[:, None] - sums).max(1) / (np.abs(sums).max(1) + 1e-12)
    return float(np.median(error))


def finish(state: dict, codes: int) -> None:
    """Raises InvalidFileError if a tensor found no place, but for counters and the skeleton's constants."""
    for name, array in state.items():
        known = array.size == 1 or array.shape == (codes,) or {NUM_JOINTS, POSE} & set(array.shape)
        if name.rpartition(".")[2] in ("weight", "bias") or not known:
            raise InvalidFileError(f"its tensor {name} {list(array.shape)} has no place in the seed's model")


def checked(layer: dict, attentions: tuple) -> dict:
    """The tensors of a layer of PyTorch's with these attentions; InvalidFileError unless it has just them."""
    at, mlp = layer["name"], mlp_of([[layer]])
    width = width_of([[layer]])
    shapes = {"linear1": (mlp, width), "linear2": (width, mlp)}
    shapes |= {f"{name}.out_proj": (width, width) for name in attentions}
    shapes |= {f"norm{i + 1}": (width,) for i in range(len(attentions) + 1)}
    wanted = {f"{name}.weight": shape for name, shape in shapes.items()}
    wanted |= {f"{name}.bias": shape[:1] for name, shape in shapes.items()}
    for name in attentions:
        wanted |= {f"{name}.in_proj_weight": (3 * width, width), f"{name}.in_proj_bias": (3 * width,)}
    own = {name: value for name, value in layer.items() if name != "name"}
    for name in sorted(wanted.keys() | own.keys()):
        shape = own[name].shape if name in own else None
        if shape != wanted.get(name):
            raise InvalidFileError(
                f"its tensor {at}.{name} is {shape or 'missing'}; {wanted.get(name, 'none')} must be there"
            )
    return {name: _float(f"{at}.{name}", value) for name, value in own.items()}
