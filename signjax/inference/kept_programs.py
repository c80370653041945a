"""Compiled programs that are kept between processes: they are neither traced nor compiled again.

JAX's own cache is asked with the traced program, and to trace a sampler takes longer than to run it. Here a
program is found by what it is made of: the source of signjax, its static arguments, the shapes of the others,
the versions of the libraries and the processor. Commands turn this on. It is for one CPU device: others were
not tried.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Callable, Iterator
from typing import Any

import jax
import ml_collections
from jax.core import Tracer
from jax.experimental.compilation_cache import compilation_cache

from signjax.io import private_cache
from signjax.training import process

# The rooms whose source decides what a program does.
_ROOMS = ("pose", "models", "text", "data", "training", "inference")
_UNUSED_OPTIONS = ("cache", "log", "dump", "dir")  # of JAX: in their names, and no program depends on them
_folders: list[pathlib.Path] = []  # where programs are kept, if anywhere; the last one counts


class UnknownValueError(Exception):
    """A value that has no description which is the same in another process."""


def keep_programs() -> None:
    """From now on, keeps programs beside those of JAX's compilation cache, if there is one."""
    cache = process.enable_compile_cache()
    if cache is None or jax.default_backend() != "cpu" or jax.device_count() > 1:
        return
    private = private_cache.make_private_folder(cache / "programs")
    if private is not None:
        _folders.append(private)


class KeptProgram:
    """A function compiled by JAX, whose programs are kept while `keep_programs` is on.

    Attributes:
      name: of the function.
      jitted: the function by jax.jit, used where nothing is kept.
      statics: numbers of its static arguments.
      trees: NamedTuples that its result has in it.
    """

    def __init__(
        self, name: str, jitted: Any, statics: tuple[int, ...] = (), trees: tuple[type, ...] = (), owner=None
    ):
        self.name, self.jitted, self.statics = name, jitted, statics
        self.trees = {kind.__name__: kind for kind in trees}
        self.owner = owner  # what the function is bound to; part of its description
        self._loaded: dict[Any, Callable] = {}

    def __call__(self, *args):
        """Calls the function."""
        dynamic = tuple(value for k, value in enumerate(args) if k not in self.statics)
        leaves, tree = jax.tree.flatten((dynamic, {}))
        # Inside of another program, as of an export, it becomes a part of that.
        if not _folders or any(isinstance(leaf, Tracer) for leaf in leaves):
            return self.jitted(*args)
        key = tuple(args[k] for k in self.statics), tree, tuple(map(_describe_leaf, leaves))
        if key not in self._loaded:
            self._loaded[key] = self._load(args, key)
        return self._loaded[key](*dynamic)

    def _load(self, args: tuple, key: tuple) -> Callable:
        """The compiled program: kept, or compiled and then kept."""
        statics, tree, shapes = key
        try:
            about = [describe_value(x) for x in (self.name, self.owner, statics, str(tree), shapes)]
        except UnknownValueError:
            return self.jitted.lower(*args).compile()
        if (program := _read_program(about, tree, self.trees)) is not None:
            return program
        with _without_jax_cache():
            program = self.jitted.lower(*args).compile()
        _write_program(about, program)
        return program


def recall(name: str, about: list[str], compute: Callable[[], Any]) -> Any:
    """The result of a slow function, kept as JSON if programs are kept.

    Args:
      name: of the function.
      about: all that the result depends on, beside the source of signjax and the libraries.
      compute: the function.
    """
    if not _folders:
        return compute()
    entry = _name_entry([name, *about])
    if (content := private_cache.read_entry(_folders[-1], entry)) is not None:
        return json.loads(content)
    result = compute()
    private_cache.write_entry(_folders[-1], entry, json.dumps(result).encode())
    return result


def describe_value(value: Any) -> str:
    """A value in words, the same in every process.

    Raises:
      UnknownValueError: it has something in it of which that is not known.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    if isinstance(value, ml_collections.ConfigDict):
        return value.to_json(sort_keys=True)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {describe_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(describe_value, value))})"
    if isinstance(value, functools.partial):
        function = f"{value.func.__module__}.{value.func.__qualname__}"
        return f"partial({function}, {describe_value(value.args)}, {describe_value(value.keywords)})"
    # A flax module: its fields, without those of where it stands in another one.
    if fields := getattr(type(value), "__dataclass_fields__", None):
        own = {name: getattr(value, name) for name in fields if name not in ("parent", "name")}
        return f"{type(value).__module__}.{type(value).__qualname__}{describe_value(own)}"
    raise UnknownValueError(type(value))


def _describe_leaf(leaf) -> str:
    # A number of Python takes the type of what it meets; as an array it would not.
    if isinstance(leaf, bool | int | float):
        return type(leaf).__name__
    return f"{leaf.dtype}{tuple(leaf.shape)}{getattr(leaf, 'weak_type', False)}"


def _name_entry(about: list[str]) -> str:
    digest = hashlib.blake2b("\0".join([*_describe_environment(), *about]).encode(), digest_size=16)
    return f"program-{digest.hexdigest()}"


def _read_program(about: list[str], in_tree, trees: dict[str, type]) -> Callable | None:
    content = private_cache.read_entry(_folders[-1], _name_entry(about))
    if content is None:
        return None
    from jax.experimental import serialize_executable

    size = int.from_bytes(content[:4])
    # Whatever is wrong with it: the program is compiled again.
    try:
        out_tree = jax.tree.structure(_parse_tree(json.loads(content[4 : 4 + size]), trees))
        return serialize_executable.deserialize_and_load(
            content[4 + size :], in_tree, out_tree, execution_devices=jax.devices()[:1]
        )
    except Exception:
        return None


@contextlib.contextmanager
def _without_jax_cache() -> Iterator[None]:
    """Has XLA compile: a program that comes from JAX's cache is written without its machine code."""
    enabled = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    # JAX asks for the option once, and again after this.
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()


def _write_program(about: list[str], compiled) -> None:
    """Keeps a compiled program, if it can be."""
    from jax.experimental import serialize_executable

    # Not every program of every version of JAX can be written, and it need not be.
    try:
        program, _, out_tree = serialize_executable.serialize(compiled)
        tree = json.dumps(_format_tree(jax.tree.unflatten(out_tree, [0] * out_tree.num_leaves))).encode()
    except Exception:
        return
    private_cache.write_entry(_folders[-1], _name_entry(about), len(tree).to_bytes(4) + tree + program)


def _format_tree(tree: Any) -> Any:
    """The structure of a result as JSON: [name of a NamedTuple or tuple, its items]; 0 for an array."""
    if tree == 0:
        return 0
    if not isinstance(tree, tuple):
        raise UnknownValueError(type(tree))
    return [type(tree).__name__, [_format_tree(item) for item in tree]]


def _parse_tree(tree: Any, trees: dict[str, type]) -> Any:
    if not isinstance(tree, list):
        return 0
    items = [_parse_tree(item, trees) for item in tree[1]]
    return tuple(items) if tree[0] == "tuple" else trees[tree[0]](*items)


@functools.cache
def _describe_environment() -> tuple[str, ...]:
    """What a compiled program depends on beside what it computes."""
    source, root = hashlib.blake2b(), pathlib.Path(__file__).parents[1]
    for path in sorted(path for room in _ROOMS for path in root.joinpath(room).rglob("*.py")):
        source.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    values = {k: repr(v) for k, v in jax.config.values.items() if not any(w in k for w in _UNUSED_OPTIONS)}
    versions = platform.python_version(), *map(importlib.metadata.version, ("jax", "jaxlib", "flax", "numpy"))
    flags = os.environ.get("XLA_FLAGS", "")
    return source.hexdigest(), *versions, flags, str(sorted(values.items())), _describe_processor()


def _describe_processor() -> str:
    """The kind of processor: another one may lack instructions that a program has."""
    try:
        with open("/proc/cpuinfo") as file:
            first = file.read(1 << 16).partition("\n\n")[0].splitlines()
        return "\n".join(line for line in first if line.startswith(("model name", "flags", "Features")))
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
