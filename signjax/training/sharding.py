"""Shardings of state and batch: a device mesh and (regex, spec) rules from the config, for any devices.

Models do not mention shardings. XLA's partitioner (GSPMD, arXiv 2105.04663) derives the communication between
devices from the shardings of the state and of the batch.
"""

import math
import re

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from signjax.errors import ConfigError

FSDP = "fsdp"  # along this axis arrays are divided between steps, and gathered before they are used
BATCH_AXES = ("data", FSDP)  # the batch is divided along those of them that the mesh has

# Of a block's matrices those whose outputs, heads or hidden units, are divided along "tensor", and those that
# sum over them. So a pair of them communicates once (Megatron-LM, Shoeybi et al. 2019).
# Not `memory_in`, whose columns are those of one layer after another: cut into parts of equal size they are
# no heads. Each device has all of it, and computes its heads alone (signjax.models.layers.KeyValueDense).
COLUMNS = r"/(self_in|cross_in|memory_in_\d+|mlp_in|qkv|up|mix)"
ROWS = r"/(self_out|cross_out|mlp_out|out|down)"
# Not codebooks: they are small, and every latent is compared with all codes.
LEARNED = r"(^|/)(params|ema|mu|nu)/"
# The first regex that matches decides, so the general rules come last.
RULES = (
    (f"{COLUMNS}/kernel$", ("...", "fsdp", "tensor")),
    (f"{COLUMNS}/bias$", ("...", ("tensor", "fsdp"))),
    (f"{ROWS}/kernel$", ("...", "tensor", "fsdp")),
    (f"{LEARNED}.*(kernel|depth_in|depth_out)$", ("...", "fsdp", None)),
    (LEARNED, ("...", "fsdp")),
)


def configure_sharding(words) -> tuple[dict, tuple]:
    """The fields `mesh` and `sharding` of a config whose variant has the words "fsdp" or "tensor".

    The mesh has the axes data, fsdp and tensor. With "fsdp" the state is divided among all devices (ZeRO,
    Rajbhandari et al. 2019), with "tensor" the work of a block between 2; the batch takes what is left.
    The rules fit any other `mesh.shape` of these axes as well; the size of tensor should divide the heads.

    Args:
      words: of the variant.

    Returns:
      ({"shape": ..., "axes": ...}, rules).
    """
    batch = (1, -1) if "fsdp" in words else (-1, 1)
    shape = (*batch, 2 if "tensor" in words else 1)
    return {"shape": shape, "axes": ("data", "fsdp", "tensor")}, RULES


def make_mesh(config, devices=None) -> Mesh:
    """Builds a device mesh.

    Args:
      config: `mesh` of a run's config. In `shape` at most one size is -1, "all that are left"; without -1 the
        first devices are used. Of the `axes` "data" and, if there is one, "fsdp" divide the batch.
      devices: to choose from, by default all of the job.

    Raises:
      ConfigError: the shape does not fit the axes or the devices.
    """
    devices = jax.devices() if devices is None else devices
    shape, axes, count = tuple(config.shape), tuple(config.axes), len(devices)
    known = math.prod(n for n in shape if n != -1)
    if len(shape) != len(axes) or shape.count(-1) > 1 or known < 1 or BATCH_AXES[0] not in axes:
        raise ConfigError(
            f"mesh.shape={shape}, mesh.axes={axes}: give each axis one size (one of them may be -1) "
            f'and call one axis "{BATCH_AXES[0]}"'
        )
    shape = tuple(count // known if n == -1 else n for n in shape)
    used = math.prod(shape)
    if not 1 <= used <= count or (-1 in config.shape and used != count):
        raise ConfigError(f"mesh.shape={tuple(config.shape)} does not fit {count} device(s)")
    try:
        return _arrange_devices(shape, axes, devices[:used])
    except (NotImplementedError, ValueError) as e:
        raise ConfigError(f"mesh.shape={shape} does not fit how the devices are wired ({e})") from e


def _arrange_devices(shape, axes, devices) -> Mesh:
    # With the default of jax.make_mesh, Explicit, model code without shardings cannot be traced.
    kinds = (AxisType.Auto,) * len(axes)
    slices = len({getattr(d, "slice_index", 0) for d in devices})
    if slices == 1:
        return jax.make_mesh(shape, axes, axis_types=kinds, devices=devices)
    # Between TPU slices the network is slow: only the gradients of the axis "data" cross it, once a step.
    across = tuple(slices if axis == BATCH_AXES[0] else 1 for axis in axes)
    inside = tuple(n // parts for n, parts in zip(shape, across, strict=True))
    grid = mesh_utils.create_hybrid_device_mesh(inside, across, devices, allow_split_physical_axes=True)
    return Mesh(grid, axes, axis_types=kinds)


def make_replicated_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of an array of which every device of the mesh has a whole copy."""
    return NamedSharding(mesh, PartitionSpec())


def choose_shardings(tree, mesh: Mesh, rules):
    """Chooses a NamedSharding for every leaf of `tree` (arrays or jax.eval_shape's results).

    Args:
      tree: the arrays.
      mesh: the devices.
      rules: ((regex, spec), ...); the first regex that is found in a leaf's path decides. A path consists of
        field names and keys, "params/Dense_0/kernel", "opt_state/1/0/mu/Dense_0/kernel". A spec has a mesh
        axis, a tuple of axes, or None for each dimension. After "..." it is for the last dimensions of leaves
        of any shape: entries for dimensions that a leaf lacks, or that do not divide it, are ignored.
        A leaf that no rule matches is replicated.

    Raises:
      ConfigError: a spec names an unknown axis, has too many entries, or does not divide the leaf.
    """

    def choose_sharding(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        spec = next((tuple(spec) for regex, spec in rules if re.search(regex, name)), ())
        fitted = _fit_spec(spec[1:], leaf.shape, mesh) if spec[:1] == ("...",) else spec
        error = _find_spec_error(fitted, leaf.shape, mesh)
        if error:
            raise ConfigError(f"sharding rule {spec} for {name} {tuple(leaf.shape)}: {error}")
        return NamedSharding(mesh, PartitionSpec(*fitted))

    return jax.tree_util.tree_map_with_path(choose_sharding, tree)


def drop_fsdp_axis(shardings):
    """A tree of NamedShardings without the axis "fsdp", which parameters have while a step uses them."""
    # Without this the partitioner divides some activations along "fsdp" as the parameters are. The batch is
    # divided along it already, so whole activations would be copied between the two.

    def drop_axis(sharding):
        spec = (tuple(a for a in _list_axes(entry) if a != FSDP) for entry in sharding.spec)
        return NamedSharding(sharding.mesh, PartitionSpec(*spec))

    return jax.tree.map(drop_axis, shardings)


def _fit_spec(spec, shape, mesh: Mesh) -> tuple:
    """The spec after "..." for an array of this shape: None where an entry does not divide the dimension."""
    # The axes that a mesh does not have are kept, so that a misspelled one is reported.
    spec = (None,) * (len(shape) - len(spec)) + spec[max(0, len(spec) - len(shape)) :]
    return tuple(
        None
        if set(_list_axes(entry)) <= mesh.shape.keys() and size % _count_parts(_list_axes(entry), mesh)
        else entry
        for size, entry in zip(shape, spec, strict=True)
    )


def _find_spec_error(spec, shape, mesh: Mesh) -> str:
    """What is wrong with a spec for an array of this shape, "" if nothing."""
    if len(spec) > len(shape):
        return f"the array has only {len(shape)} dimensions"
    for size, entry in zip(shape, spec, strict=False):
        unknown = [a for a in _list_axes(entry) if a not in mesh.shape]
        if unknown:
            return f"the mesh has no axis {unknown[0]!r}"
        parts = _count_parts(_list_axes(entry), mesh)
        if size % parts:
            return f"{size} does not divide into {parts} equal parts"
    return ""


def _list_axes(entry) -> tuple:
    """The mesh axes that an entry of a spec names."""
    return () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)


def _count_parts(axes, mesh: Mesh) -> int:
    return math.prod(mesh.shape[a] for a in axes)


def get_batch_axes(mesh: Mesh) -> tuple:
    """The axes of a mesh that divide the batch; devices along the others work on the same rows."""
    return tuple(a for a in BATCH_AXES if a in mesh.shape)


def count_batch_parts(mesh: Mesh) -> int:
    """Into how many equal parts the devices of a mesh divide a batch."""
    return _count_parts(get_batch_axes(mesh), mesh)


def list_part_devices(mesh: Mesh) -> list[list]:
    """The devices that work on each part of a batch."""
    axes = [mesh.axis_names.index(axis) for axis in get_batch_axes(mesh)]
    return np.moveaxis(mesh.devices, axes, range(len(axes))).reshape(count_batch_parts(mesh), -1).tolist()


def check_rows(batch: dict, mesh: Mesh) -> None:
    """Raises what `make_global_batch` raises for this host's part of a batch if the axes do not divide it."""
    _make_batch_shardings(batch, mesh, jax.process_count())


def make_global_batch(batch: dict, mesh: Mesh) -> dict:
    """Puts a batch on the mesh, divided along "data" and "fsdp".

    Args:
      batch: this host's part of it, numpy arrays [B / hosts, ...].
      mesh: the devices.

    Returns:
      jax arrays [B, ...].

    Raises:
      ConfigError: the axes do not divide the batch, or two hosts would have the same part of it.
    """
    hosts = jax.process_count()
    shardings = _make_batch_shardings(batch, mesh, hosts)

    def make_array(name, x):
        array = jax.make_array_from_process_local_data(shardings[name], x)
        # Hosts load different rows. If a part of the batch is on two hosts, JAX expects the same rows from
        # both, and makes a smaller array.
        if x.ndim and array.shape[0] != x.shape[0] * hosts:
            raise ConfigError(
                f"mesh.shape={tuple(mesh.shape.values())}: some parts of a batch {format_batch_axes(mesh)} "
                f"are on more than one of {hosts} hosts; make the other axes smaller"
            )
        return array

    return {name: make_array(name, np.asarray(x)) for name, x in batch.items()}


def make_abstract_batch(batch: dict, mesh: Mesh) -> dict:
    """The ShapeDtypeStructs of a whole batch, numpy [B, ...], with the shardings of `make_global_batch`.

    Raises:
      ConfigError: the axes do not divide the batch.
    """
    shardings = _make_batch_shardings(batch, mesh, 1)
    # Canonical types: numpy has float64 where JAX has float32.
    return {
        name: jax.ShapeDtypeStruct(
            np.shape(x), jax.dtypes.canonicalize_dtype(x.dtype), sharding=shardings[name]
        )
        for name, x in batch.items()
    }


def _make_batch_shardings(batch: dict, mesh: Mesh, hosts: int) -> dict:
    """The sharding of every array of a batch, of which each of the hosts has a part like this one."""
    axes, shardings = get_batch_axes(mesh), {}
    parts = _count_parts(axes, mesh)
    for name, x in batch.items():
        shardings[name] = NamedSharding(mesh, PartitionSpec(axes) if np.ndim(x) else PartitionSpec())
        rows = np.shape(x)[0] * hosts if np.ndim(x) else 0
        if rows % parts:
            raise ConfigError(
                f'batch_size (or batch_tokens): {rows} rows of "{name}" do not divide into {parts} equal '
                f"parts {format_batch_axes(mesh)}; change it or mesh.shape"
            )
    return shardings


def format_batch_axes(mesh: Mesh) -> str:
    """The axes that divide a batch, for messages."""
    axes = get_batch_axes(mesh)
    return f"of the mesh {'axes' if axes[1:] else 'axis'} {' and '.join(map(repr, axes))}"
