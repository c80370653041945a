"""Compiled programs of a run, which run without signjax: weights included, any batch size, any length.

Encoders take canonical poses [b, n * stride, J, 3], J 50 or 120 with a face, and a mask of frames; decoders
take codes (or latents) [b, n, C] and a mask of tokens. A GPT also has "write", from the ids of one text to
codes.
"""

import functools
import importlib.util
import logging
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.errors import ConfigError
from signjax.inference import autoregressive, contracts
from signjax.inference.text_to_pose import TextToPose
from signjax.pose import skeleton
from signjax.text import tokenizer

# A program is compiled where it is loaded, so that one file serves all of them.
PLATFORMS = ("cpu", "cuda", "tpu")
INSTALL = "pip install -e '.[onnx]' && pip install --no-deps jax2onnx==0.17.1"
# Clips and tokens that an encoder in ONNX takes: jax2onnx converts it for fixed sizes only.
ONNX_SIZE = (1, 64)
TEXT_LENGTH = 64  # ids of a text that "write" takes, the rest hidden by its mask


class Program(NamedTuple):
    """A function of arrays and its inputs: jax.ShapeDtypeStructs, whose dimensions may be symbolic."""

    function: Callable
    inputs: tuple


def make_programs(run: contracts.TrainedRun, size: tuple[int, int] | None = None) -> dict[str, Program]:
    """The programs of a run by their names.

    Args:
      run: see signjax.inference.load.
      size: (clips, tokens of each), None for any sizes.

    Raises:
      ConfigError: the run has no tokenizer or auto-encoder.
    """
    codec, task = run.codec, run.config.task
    if codec is None:
        raise ConfigError(f"a {task} run makes no poses; give the run of a tokenizer or of a generator")
    # The variables become constants of the program, so that nobody needs a second file.
    encode = functools.partial(codec.encode_batch, codec.variables)
    decode = functools.partial(codec.decode_batch, codec.variables)
    rows, tokens = size or jax.export.symbolic_shape("b, n")
    frames = tokens * codec.stride
    joints = skeleton.WITH_FACE if codec.has_face else skeleton.NUM_JOINTS
    frame_mask = jax.ShapeDtypeStruct((rows, frames), bool)
    poses = jax.ShapeDtypeStruct((rows, frames, joints, 3), jnp.float32)
    codes = jax.eval_shape(encode, poses, frame_mask)
    programs = {
        "encode": Program(encode, (poses, frame_mask)),
        "decode": Program(decode, (codes, jax.ShapeDtypeStruct((rows, tokens), bool))),
    }
    # Only a GPT samples in one compiled function; masked models and flows call several.
    return programs | ({"write": make_token_program(run)} if task == "gpt" else {})


def make_token_program(run: TextToPose) -> Program:
    """The program "write" of a GPT: (ids [1, TEXT_LENGTH], mask [1, TEXT_LENGTH], seed []) -> (codes
    [max_tokens, C], number of tokens []).

    The codes are those of `generate_tokens` for one text, with the sampling options of the config.
    """
    sampler = run.make_sampler()

    def generate_tokens(ids, mask, seed):
        # The key of the first place in a list of texts: the same seed must give the same clip as in signjax.
        keys = jax.random.fold_in(jax.random.key(seed), 0)[None]
        codes, lengths = autoregressive.sample_tokens(run.model, run.variables, ids, mask, keys, sampler)
        return codes[0], lengths[0]

    # An example text: only the shape and type of its ids (or of its features by BERT) matter.
    ids, _ = tokenizer.pad_texts(run.text_encoder.encode_all(["a"]), TEXT_LENGTH)
    inputs = (ids.shape, ids.dtype), ((1, TEXT_LENGTH), bool), ((), np.int32)
    return Program(generate_tokens, tuple(jax.ShapeDtypeStruct(*one) for one in inputs))


def serialize_stablehlo(program: Program) -> bytes:
    """Serializes a program as StableHLO, for jax.export.deserialize.

    Raises:
      ConfigError: the package flatbuffers is missing.
    """
    # Checked first: jax would fail with a traceback after minutes of tracing.
    if importlib.util.find_spec("flatbuffers") is None:
        raise ConfigError("--to stablehlo needs flatbuffers: pip install flatbuffers")
    return jax.export.export(jax.jit(program.function), platforms=PLATFORMS)(*program.inputs).serialize()


def convert_to_onnx(name: str, program: Program) -> bytes:
    """Converts a program to an ONNX model.

    Raises:
      ConfigError: the package jax2onnx is missing.
    """
    if importlib.util.find_spec("jax2onnx") is None:
        raise ConfigError(f"--to onnx needs jax2onnx: {INSTALL}")
    import jax2onnx  # slow to import, and rarely installed

    # It warns of every shape that it cannot infer.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    # jax2onnx has symbolic dimensions of its own, by their names.
    shapes = [tuple(n if isinstance(n, int) else str(n) for n in x.shape) for x in program.inputs]
    inputs = [jax.ShapeDtypeStruct(shape, x.dtype) for shape, x in zip(shapes, program.inputs, strict=True)]
    return jax2onnx.to_onnx(program.function, inputs, model_name=name).SerializeToString()
