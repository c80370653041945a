"""A run's functions as programs without signjax: weights inside, any batch, any length, three platforms.

Encoders take canonical poses [b, n * stride, J, 3], J 50 or 120 with a face, and a mask of frames, decoders
codes (or latents) [b, n, C] and a mask of tokens. A GPT has "write", too: from the ids of one text to codes.
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

PLATFORMS = ("cpu", "cuda", "tpu")
INSTALL = "pip install -e '.[onnx]' && pip install --no-deps jax2onnx==0.17.1"
ONE = (1, 64)  # clips and tokens that an encoder in ONNX takes: jax2onnx wants its sizes to be numbers
TEXT = 64  # ids of a text that "write" takes, the rest hidden by its mask


class Program(NamedTuple):
    """A function of arrays and what it takes: jax.ShapeDtypeStructs, whose dimensions may be symbolic."""

    run: Callable
    takes: tuple


def of(run: contracts.TrainedRun, size=None) -> dict[str, Program]:
    """The programs of a run by their names.

    Args:
      run: see signjax.inference.load.
      size: (clips, tokens of each), None for any numbers.

    Raises:
      ConfigError: it has no tokenizer or auto-encoder.
    """
    codec, task = run.codec, run.config.task
    if codec is None:
        raise ConfigError(f"a {task} run makes no poses; give the run of a tokenizer or of a generator")
    encode = functools.partial(codec.encode_batch, codec.variables)
    rows, tokens = size or jax.export.symbolic_shape("b, n")
    frames = tokens * codec.stride
    mask = jax.ShapeDtypeStruct((rows, frames), bool)
    joints = skeleton.WITH_FACE if codec.has_face else skeleton.NUM_JOINTS
    poses = jax.ShapeDtypeStruct((rows, frames, joints, 3), jnp.float32), mask
    codes = jax.eval_shape(encode, *poses), jax.ShapeDtypeStruct((rows, tokens), bool)
    found = {"encode": Program(encode, poses)}
    found["decode"] = Program(functools.partial(codec.decode_batch, codec.variables), codes)
    return found | ({"write": writer(run)} if task == "gpt" else {})


def writer(run: TextToPose) -> Program:
    """A GPT: (ids [1, TEXT], mask [1, TEXT], seed []) -> (codes [max_tokens, C], their number).

    Codes are those that `generate_tokens` gives for one text, with the sampler of the config.
    """
    sampler = run.make_sampler()

    def write(ids, mask, seed):
        keys = jax.random.fold_in(jax.random.key(seed), 0)[None]
        codes, lengths = autoregressive.sample_tokens(run.model, run.variables, ids, mask, keys, sampler)
        return codes[0], lengths[0]

    said, _ = tokenizer.pad_texts(run.text_encoder.encode_all(["a"]), TEXT)
    takes = (said.shape, said.dtype), ((1, TEXT), bool), ((), np.int32)
    return Program(write, tuple(jax.ShapeDtypeStruct(*one) for one in takes))


def stablehlo(program: Program) -> bytes:
    """What jax.export.deserialize reads, with StableHLO in it.

    Raises:
      ConfigError: the package flatbuffers is missing.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ConfigError("--to stablehlo needs flatbuffers: pip install flatbuffers")
    return jax.export.export(jax.jit(program.run), platforms=PLATFORMS)(*program.takes).serialize()


def onnx(name: str, program: Program) -> bytes:
    """An ONNX model.

    Raises:
      ConfigError: the package jax2onnx is missing.
    """
    if importlib.util.find_spec("jax2onnx") is None:
        raise ConfigError(f"--to onnx needs jax2onnx: {INSTALL}")
    import jax2onnx  # slow, and rarely there

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of every shape it cannot tell
    shapes = [tuple(n if isinstance(n, int) else str(n) for n in x.shape) for x in program.takes]
    takes = [jax.ShapeDtypeStruct(s, x.dtype) for s, x in zip(shapes, program.takes, strict=True)]
    return jax2onnx.to_onnx(program.run, takes, model_name=name).SerializeToString()
