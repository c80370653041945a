"""The weights of BERT and DistilBERT (signjax.models.bert), from folders as Hugging Face has them."""

import numpy as np

from signjax.errors import ConfigError, StorageError
from signjax.io import safe_read, safetensors
from signjax.models.bert import Bert

CONFIG_FIELDS = {  # ours: the names in config.json
    "bert": {
        "vocabulary": "vocab_size",
        "positions": "max_position_embeddings",
        "types": "type_vocab_size",
        "width": "hidden_size",
        "depth": "num_hidden_layers",
        "heads": "num_attention_heads",
        "mlp": "intermediate_size",
    },
    "distilbert": {
        "vocabulary": "vocab_size",
        "positions": "max_position_embeddings",
        "width": "dim",
        "depth": "n_layers",
        "heads": "n_heads",
        "mlp": "hidden_dim",
    },
}
EMBEDDING_TENSORS = {
    "words": "embeddings.word_embeddings.weight",
    "positions": "embeddings.position_embeddings.weight",
    "types": "embeddings.token_type_embeddings.weight",
}
LAYER_TENSORS = {  # where layers are, and the names of their parts
    "bert": {
        "at": "encoder.layer",
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "out_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "down_norm": "output.LayerNorm",
    },
    "distilbert": {
        "at": "transformer.layer",
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "out": "attention.out_lin",
        "out_norm": "sa_layer_norm",
        "up": "ffn.lin1",
        "down": "ffn.lin2",
        "down_norm": "output_layer_norm",
    },
}


def read_bert(folder) -> tuple[Bert, dict]:
    """The encoder of a folder with config.json and model.safetensors: (module, params), arrays of numpy.

    Raises:
      StorageError: a file is missing or damaged.
      ConfigError: the folder holds another kind of model.
    """
    family, model = _read_config(f"{folder}/config.json")
    path = f"{folder}/model.safetensors"
    try:
        params = convert_tensors(family, model, safetensors.read_tensors(path))
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); fetch the folder again") from None
    return model, params


def _read_config(path) -> tuple[str, Bert]:
    """The family and the module of a config.json."""
    try:
        saved = safe_read.read_json(path)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); name a folder of a text encoder") from None
    family = saved.get("model_type")
    if type(family) is not str or family not in CONFIG_FIELDS:
        raise ConfigError(f"{path}: model_type is {family!r}; text encoders are {', '.join(CONFIG_FIELDS)}")
    activation = saved.get("hidden_act" if family == "bert" else "activation")
    absolute = saved.get("position_embedding_type", "absolute") == "absolute"
    if activation != "gelu" or not absolute or saved.get("is_decoder"):
        raise ConfigError(f"{path}: no encoder with activation gelu and absolute positions, which is needed")
    sizes = {ours: saved.get(name) for ours, name in CONFIG_FIELDS[family].items()}
    epsilon = saved.get("layer_norm_eps") if family == "bert" else 1e-12
    wrong = [n for n in sizes if type(sizes[n]) is not int or not 0 < sizes[n] < 1 << 24]
    if wrong or type(epsilon) is not float or not 0 < epsilon < 1 or sizes["width"] % sizes["heads"]:
        raise ConfigError(f"{path}: its sizes are {sizes}, epsilon {epsilon}, which no encoder can have")
    return family, Bert(epsilon=epsilon, **sizes)


def convert_tensors(family: str, model: Bert, arrays: dict) -> dict:
    """Our params of the arrays of a file; raises InvalidFileError if one is missing or has another shape."""
    prefix = "" if EMBEDDING_TENSORS["words"] in arrays else f"{family}."

    def get(name: str, *shape: int) -> np.ndarray:
        array = arrays.get(f"{prefix}{name}")
        if array is None or array.shape != shape or array.dtype.kind != "f":
            raise safe_read.InvalidFileError(f"has no tensor {prefix}{name} of the shape {shape}")
        return array.astype(np.float32, copy=False)

    def dense(name: str, size: int, to: int) -> dict:
        return {"kernel": get(f"{name}.weight", to, size).T, "bias": get(f"{name}.bias", to)}

    def norm(name: str) -> dict:
        old = f"{prefix}{name}.gamma" in arrays  # as in the first files of BERT
        names = {"scale": "gamma" if old else "weight", "bias": "beta" if old else "bias"}
        return {ours: get(f"{name}.{theirs}", model.width) for ours, theirs in names.items()}

    counts = {"words": model.vocabulary, "positions": model.positions, "types": model.types}
    params = {"norm": norm("embeddings.LayerNorm")}
    for name, count in counts.items():
        if count:
            params[name] = {"embedding": get(EMBEDDING_TENSORS[name], count, model.width)}
    parts = LAYER_TENSORS[family]
    for i in range(model.depth):
        own = params[f"layer_{i}"] = {}
        for name in ("query", "key", "value", "out", "up", "down", "out_norm", "down_norm"):
            full = f"{parts['at']}.{i}.{parts[name]}"
            size, to = (model.mlp if name == end else model.width for end in ("down", "up"))
            own[name] = norm(full) if name.endswith("norm") else dense(full, size, to)
    return params
