"""Makes tests/encoders: a tiny BERT and DistilBERT of random weights, and what PyTorch says of some texts.

Run it where torch is installed: python tests/helpers/make_encoders.py
"""

import json
import string

import numpy as np
from paths import ASSETS

ROOT = ASSETS / "encoders"
TEXTS = ("Hello, how are you?", "hi", "My name is Zoë!", "so long " * 9)
SIZES = {
    "bert": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": 48,
    },
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24, "max_position_embeddings": 48},
}
FILES = ("config.json", "model.safetensors", "tokenizer.json")


def pieces():
    """A vocabulary of word pieces that can spell."""
    words = ("hello", "how", "are", "you", "my", "name", "is", *"?!,.'", *string.digits)
    letters = string.ascii_lowercase
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *(f"##{c}" for c in letters)]


def write(folder, family, seed=0):
    """A folder as save_pretrained writes it, in `folder`."""
    import torch
    import transformers
    from tokenizers import BertWordPieceTokenizer

    kind = {"bert": "Bert", "distilbert": "DistilBert"}[family]
    config = getattr(transformers, f"{kind}Config")(vocab_size=len(pieces()), **SIZES[family])
    model = getattr(transformers, f"{kind}Model")(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            gain = float("norm.weight" in name.lower())
            value.copy_(gain + 0.3 * torch.randn(value.shape, generator=generator))
    model.save_pretrained(folder)
    vocabulary = {piece: i for i, piece in enumerate(pieces())}
    BertWordPieceTokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    for extra in set(folder.iterdir()) - {folder / name for name in FILES}:
        extra.unlink()


def expected(folder, texts=TEXTS):
    """Ids, mask and last hidden states of texts by PyTorch and transformers, padded to the longest."""
    import torch
    import transformers

    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]"
    )
    model = transformers.AutoModel.from_pretrained(folder).eval()
    most = json.loads((folder / "config.json").read_text())["max_position_embeddings"]
    inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=most, return_tensors="pt")
    with torch.no_grad():
        states = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
        ).last_hidden_state
    return {
        "ids": inputs["input_ids"].numpy(),
        "mask": inputs["attention_mask"].numpy() > 0,
        "states": states.numpy(),
    }


if __name__ == "__main__":
    for family in SIZES:
        (ROOT / family).mkdir(parents=True, exist_ok=True)
        write(ROOT / family, family)
        np.savez(ROOT / family / "expected.npz", **expected(ROOT / family))
