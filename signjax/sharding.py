"""Where arrays live: a device mesh and (regex, spec) rules from the config, for any number of devices.

The models hold no sharding words. XLA's partitioner (GSPMD, arXiv 2105.04663) turns the placement of
the state and of the batch into the communication between devices.
"""

import math
import re

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from signjax.errors import ConfigError

BATCH_AXIS = "data"


def make_mesh(config, devices=None) -> Mesh:
    """Builds the mesh of `config.shape` and `config.axes`; at most one size is -1, "all that are left".

    A shape without -1 takes the first devices it needs. The axis called "data" splits the batch; it is the
    one that goes from TPU slice to TPU slice, whose network is slow.
    Axis types are Auto: with jax.make_mesh's default, Explicit, plain model code does not trace.

    Args:
      config: `mesh` of a run's config.
      devices: to choose from, all of the job if none are given.

    Raises:
      ConfigError: the shape does not fit the axes or the devices.
    """
    devices = jax.devices() if devices is None else devices
    shape, axes, found = tuple(config.shape), tuple(config.axes), len(devices)
    known = math.prod(n for n in shape if n != -1)
    if len(shape) != len(axes) or shape.count(-1) > 1 or known < 1 or BATCH_AXIS not in axes:
        raise ConfigError(
            f"mesh.shape={shape}, mesh.axes={axes}: give each axis one size (one of them may be -1) "
            f'and call one axis "{BATCH_AXIS}"'
        )
    shape = tuple(found // known if n == -1 else n for n in shape)
    used = math.prod(shape)
    if not 1 <= used <= found or (-1 in config.shape and used != found):
        raise ConfigError(f"mesh.shape={tuple(config.shape)} does not fit {found} device(s)")
    try:
        return _arrange(shape, axes, devices[:used])
    except (NotImplementedError, ValueError) as e:
        raise ConfigError(f"mesh.shape={shape} does not fit how the devices are wired ({e})") from e


def _arrange(shape, axes, devices) -> Mesh:
    kinds = (AxisType.Auto,) * len(axes)
    slices = len({getattr(d, "slice_index", 0) for d in devices})
    if slices == 1:
        return jax.make_mesh(shape, axes, axis_types=kinds, devices=devices)
    across = tuple(slices if axis == BATCH_AXIS else 1 for axis in axes)
    inside = tuple(n // parts for n, parts in zip(shape, across, strict=True))
    grid = mesh_utils.create_hybrid_device_mesh(inside, across, devices, allow_split_physical_axes=True)
    return Mesh(grid, axes, axis_types=kinds)


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that every device of the mesh holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def shard(tree, mesh: Mesh, rules):
    """Chooses a NamedSharding for every leaf of `tree` (arrays or jax.eval_shape's results).

    Args:
      rules: ((regex, spec), ...); the first regex found in a leaf's path decides. Paths run over field
        names and keys, "params/Dense_0/kernel", "opt_state/1/0/mu/Dense_0/kernel". A spec gives one
        mesh axis, a tuple of axes, or None per dimension. A leaf no rule matches is replicated.

    Raises:
      ConfigError: a spec names an unknown axis, has too many entries, or does not divide the leaf.
    """

    def place(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        spec = next((tuple(spec) for regex, spec in rules if re.search(regex, name)), ())
        fault = _fault(spec, leaf.shape, mesh)
        if fault:
            raise ConfigError(f"sharding rule {spec} for {name} {tuple(leaf.shape)}: {fault}")
        return NamedSharding(mesh, PartitionSpec(*spec))

    return jax.tree_util.tree_map_with_path(place, tree)


def _fault(spec, shape, mesh: Mesh) -> str:
    """Says what is wrong with a spec for an array of this shape, "" if nothing."""
    if len(spec) > len(shape):
        return f"the array has only {len(shape)} dimensions"
    for size, entry in zip(shape, spec, strict=False):
        axes = () if entry is None else (entry,) if isinstance(entry, str) else tuple(entry)
        unknown = [a for a in axes if a not in mesh.shape]
        if unknown:
            return f"the mesh has no axis {unknown[0]!r}"
        parts = math.prod(mesh.shape[a] for a in axes)
        if size % parts:
            return f"{size} does not divide into {parts} equal parts"
    return ""


def to_global(batch: dict, mesh: Mesh) -> dict:
    """Puts each host's part of a batch, numpy [B / hosts, ...], on the mesh, split over the "data" axis.

    Raises:
      ConfigError: the batch does not divide into the axis.
    """
    places = _split(batch, mesh, jax.process_count())
    make = jax.make_array_from_process_local_data
    return {name: make(places[name], np.asarray(x)) for name, x in batch.items()}


def shapes_of(batch: dict, mesh: Mesh) -> dict:
    """A whole batch, numpy [B, ...], as `to_global` would lay it out: a ShapeDtypeStruct for each array.

    Raises:
      ConfigError: the batch does not divide into the axis.
    """
    places = _split(batch, mesh, 1)
    return {
        name: jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.canonicalize_dtype(x.dtype), sharding=places[name])
        for name, x in batch.items()
    }


def _split(batch: dict, mesh: Mesh, hosts: int) -> dict:
    """The sharding of every array of a batch of which each host has such a part."""
    parts, places = mesh.shape[BATCH_AXIS], {}
    for name, x in batch.items():
        spec = PartitionSpec(BATCH_AXIS) if np.ndim(x) else PartitionSpec()
        places[name] = NamedSharding(mesh, spec)
        if np.ndim(x) and np.shape(x)[0] * hosts % parts:
            raise ConfigError(
                f'batch_size (or batch_tokens): {np.shape(x)[0] * hosts} rows of "{name}" do not divide into '
                f"{parts} equal parts, one for each device of the mesh axis {BATCH_AXIS!r}; "
                "change it or mesh.shape"
            )
    return places
