"""Reads BERT and DistilBERT (signjax.models.bert) from folders in the format of Hugging Face."""

import numpy as np

from signjax.errors import ConfigError, StorageError
from signjax.io import machine_errors, safe_read, safetensors
from signjax.models.bert import Bert

CONFIG_FIELDS = {  # family -> {attribute of Bert: field of config.json}
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
EMBEDDING_TENSORS = {  # name of an embedding in Bert -> its tensor
    "words": "embeddings.word_embeddings.weight",
    "positions": "embeddings.position_embeddings.weight",
    "types": "embeddings.token_type_embeddings.weight",
}
LAYER_TENSORS = {  # family -> "at", where its layers are, and {part of a BertLayer: its tensors}
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
    """The encoder in a folder with config.json and model.safetensors: (module, params as numpy arrays).

    Raises:
      StorageError: a file is missing or damaged.
      ConfigError: the folder has another kind of model.
    """
    family, model = _read_config(f"{folder}/config.json")
    path = f"{folder}/model.safetensors"
    try:
        params = convert_tensors(family, model, safetensors.read_tensors(path))
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "fetch the folder again")
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None
    return model, params


def _read_config(path) -> tuple[str, Bert]:
    """The family ("bert", "distilbert") and the module of a config.json."""
    try:
        saved = safe_read.read_json(path)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); name a folder of a text encoder") from None
    family = saved.get("model_type")
    if type(family) is not str or family not in CONFIG_FIELDS:
        raise ConfigError(f"{path}: model_type is {family!r}; text encoders are {', '.join(CONFIG_FIELDS)}")
    # Any other variant would load and then silently compute something else.
    activation = saved.get("hidden_act" if family == "bert" else "activation")
    absolute = saved.get("position_embedding_type", "absolute") == "absolute"
    if activation != "gelu" or not absolute or saved.get("is_decoder"):
        raise ConfigError(f"{path}: no encoder with activation gelu and absolute positions, which is needed")
    sizes = {ours: saved.get(name) for ours, name in CONFIG_FIELDS[family].items()}
    # DistilBERT's configs do not say it; the number stands in its code.
    epsilon = saved.get("layer_norm_eps") if family == "bert" else 1e-12
    wrong = [n for n in sizes if type(sizes[n]) is not int or not 0 < sizes[n] < 1 << 24]
    if wrong or type(epsilon) is not float or not 0 < epsilon < 1 or sizes["width"] % sizes["heads"]:
        raise ConfigError(f"{path}: its sizes are {sizes}, epsilon {epsilon}, which no encoder can have")
    return family, Bert(epsilon=epsilon, **sizes)


def convert_tensors(family: str, model: Bert, arrays: dict) -> dict:
    """The params of a Bert from the tensors of a file.

    Args:
      family: "bert" or "distilbert".
      model: gives the sizes.
      arrays: {name: tensor}.

    Raises:
      InvalidFileError: a tensor is missing or has another shape.
    """
    # Files of models with an output layer, such as bert-base-uncased, have the encoder under its name.
    prefix = "" if EMBEDDING_TENSORS["words"] in arrays else f"{family}."

    def get_tensor(name: str, *shape: int) -> np.ndarray:
        array = arrays.get(f"{prefix}{name}")
        if array is None or array.shape != shape or array.dtype.kind != "f":
            raise safe_read.InvalidFileError(f"has no tensor {prefix}{name} of the shape {shape}")
        return array.astype(np.float32, copy=False)

    def get_dense(name: str, inputs: int, outputs: int) -> dict:
        # PyTorch's weights are [outputs, inputs], flax's kernels [inputs, outputs].
        kernel = get_tensor(f"{name}.weight", outputs, inputs).T
        return {"kernel": kernel, "bias": get_tensor(f"{name}.bias", outputs)}

    def get_norm(name: str) -> dict:
        # The first files of BERT, bert-base-uncased among them, have TensorFlow's names.
        old = f"{prefix}{name}.gamma" in arrays
        names = {"scale": "gamma" if old else "weight", "bias": "beta" if old else "bias"}
        return {ours: get_tensor(f"{name}.{theirs}", model.width) for ours, theirs in names.items()}

    counts = {"words": model.vocabulary, "positions": model.positions, "types": model.types}
    params = {"norm": get_norm("embeddings.LayerNorm")}
    for name, count in counts.items():
        if count:
            params[name] = {"embedding": get_tensor(EMBEDDING_TENSORS[name], count, model.width)}
    parts = LAYER_TENSORS[family]
    for i in range(model.depth):
        layer = params[f"layer_{i}"] = {}
        for name in ("query", "key", "value", "out", "up", "down", "out_norm", "down_norm"):
            tensor = f"{parts['at']}.{i}.{parts[name]}"
            inputs = model.mlp if name == "down" else model.width
            outputs = model.mlp if name == "up" else model.width
            layer[name] = get_norm(tensor) if name.endswith("norm") else get_dense(tensor, inputs, outputs)
    return params
