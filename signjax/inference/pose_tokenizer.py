"""A trained tokenizer: clips to integer codes and back, and its codebooks."""

from collections.abc import Sequence

import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.inference import codebook_use
from signjax.inference.pose_codec import PoseCodec, compile_methods
from signjax.models import build, code_layout, quantizers
from signjax.pose import body_parts
from signjax.pose.clip import Clip, Tokens
from signjax.seeds import make_rng

# Tokens on which the use of codebooks is measured: perplexity grows with the sample, so that only samples of
# equal size can be compared.
SAMPLED = 4096


class PoseTokenizer(PoseCodec):
    """Encodes clips to codes [N, C] and decodes them; a run with task "vqvae" whose quantizer has codes.

    A token is C codes: one for each side, body part and level of quantization, in the order of `columns`.
    """

    has_tokens = True

    @classmethod
    def from_config(cls, config, variables: dict | None = None) -> "PoseTokenizer":
        """Builds the tokenizer of a config, with the variables of a run if it is trained."""
        model = build.build_tokenizer(config)
        return cls(config, variables, model.stride, *compile_methods(model), reach=model.reach)

    @property
    def columns(self) -> tuple[str, ...]:
        """Side and body part of each of the C codes of a token, such as "right hand"."""
        return tuple(f"{side}{part}" for side, part, _ in code_layout.code_columns(self.config))

    @property
    def codebooks(self) -> np.ndarray:
        """The latents of the codes of each column, [C, K, dim]."""
        books = []
        # Both sides of the body share a part's codebooks; columns go by part, then side, then level.
        for part in body_parts.LAYOUTS[self.config.layout]:
            books += self._part_codebooks(part) * len(body_parts.list_sides(self.config.layout))
        return np.stack(books)

    def describe_tokens(self, codes: np.ndarray) -> Tokens:
        """The `Tokens` that a clip decoded from codes [N, C] carries."""
        return Tokens(np.asarray(codes), self.stride, self.columns)

    def measure_codebooks(self, clips: Sequence[Clip] | PackedDataset, seed: int = 0) -> dict[str, float]:
        """Measures the use of the codebooks on a random sample of SAMPLED of the clips' tokens, or on all.

        Returns:
          {"tokens": size of the sample, "bits_per_second": of all columns at `fps`, "usage/<codebook>": share
          of its codes that occur, "perplexity/<codebook>"}.
        """
        codes = np.concatenate(self.encode(clips))
        if len(codes) > SAMPLED:
            chosen = make_rng(seed, 12).choice(len(codes), SAMPLED, replace=False)
            codes = codes[chosen]
        use = codebook_use.measure_use(codes, self.config)
        # Without the codebooks: their counts are those of columns once more. The logarithm of a perplexity is
        # an entropy; the sum over columns takes them as independent, so it is an upper bound.
        columns = [name for name in use if name.startswith("perplexity/") and "/book_" not in name]
        bits = sum(np.log2(use[name]) for name in columns) * self.fps / self.stride
        return {"tokens": len(codes), "bits_per_second": float(bits)} | use

    def _part_codebooks(self, part: str) -> list[np.ndarray]:
        """The latents [K, dim] of the codes, for each level of a body part."""
        quantizer = self.config.quantizer
        if quantizer.kind == "fsq":
            # FSQ has a grid instead of learned entries, the same for all levels.
            codes = np.arange(code_layout.code_shape(self.config)[1])[None, :, None]
            entries = np.asarray(quantizers.FSQ(1, tuple(quantizer.steps)).decode(codes))[0]
            return [entries] * quantizer.levels[part]
        assert self.variables is not None, "codebooks are learned: load a run"
        # As the quantizer has it: entries are kept as moving sums and counts of the latents assigned to them.
        book = self.variables["codebook"][f"quantizers_{part}"]
        return list(np.asarray(book["sums"]) / np.maximum(book["counts"], 1e-8)[..., None])
