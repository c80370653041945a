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

FSDP = "fsdp"  # along this axis arrays are held in parts, and gathered before they are used
BATCH_AXES = ("data", FSDP)  # those of them that a mesh has divide the batch between them

# Of a block's matrices, those that divide its heads or hidden width over "tensor", and those that sum over
# them (Megatron-LM, Shoeybi et al. 2019).
COLUMNS = r"/(self_in|cross_in|memory_in(_\d+)?|mlp_in|qkv|up|mix)"
ROWS = r"/(self_out|cross_out|mlp_out|out|down)"
LEARNED = r"(^|/)(params|ema|mu|nu)/"  # not codebooks: they are small, and every latent is compared with all
RULES = (
    (f"{COLUMNS}/kernel$", ("...", "fsdp", "tensor")),
    (f"{COLUMNS}/bias$", ("...", ("tensor", "fsdp"))),
    (f"{ROWS}/kernel$", ("...", "tensor", "fsdp")),
    (f"{LEARNED}.*(kernel|depth_in|depth_out)$", ("...", "fsdp", None)),
    (LEARNED, ("...", "fsdp")),
)


def configure_sharding(words) -> tuple[dict, tuple]:
    """The fields `mesh` and `sharding` of a config for the words "fsdp" and "tensor" of its variant.

    The mesh has the axes data, fsdp and tensor. "fsdp" holds the state in parts on all devices (ZeRO,
    Rajbhandari et al. 2019), "tensor" divides the blocks' work between 2; the batch takes what is left.
    Any other `mesh.shape` of these axes suits the same rules; the size of tensor should divide the heads.
    """
    batch = (1, -1) if "fsdp" in words else (-1, 1)
    shape = (*batch, 2 if "tensor" in words else 1)
    return {"shape": shape, "axes": ("data", "fsdp", "tensor")}, RULES


def make_mesh(config, devices=None) -> Mesh:
    """Builds the mesh of `config.shape` and `config.axes`; at most one size is -1, "all that are left".

    A shape without -1 takes the first devices it needs. The axes called "data" and, if there is one, "fsdp"
    split the batch; "data" is the one that goes from TPU slice to TPU slice, whose network is slow.
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
    if len(shape) != len(axes) or shape.count(-1) > 1 or known < 1 or BATCH_AXES[0] not in axes:
        raise ConfigError(
            f"mesh.shape={shape}, mesh.axes={axes}: give each axis one size (one of them may be -1) "
            f'and call one axis "{BATCH_AXES[0]}"'
        )
    shape = tuple(found // known if n == -1 else n for n in shape)
    used = math.prod(shape)
    if not 1 <= used <= found or (-1 in config.shape and used != found):
        raise ConfigError(f"mesh.shape={tuple(config.shape)} does not fit {found} device(s)")
    try:
        return _arrange_devices(shape, axes, devices[:used])
    except (NotImplementedError, ValueError) as e:
        raise ConfigError(f"mesh.shape={shape} does not fit how the devices are wired ({e})") from e


def _arrange_devices(shape, axes, devices) -> Mesh:
    kinds = (AxisType.Auto,) * len(axes)
    slices = len({getattr(d, "slice_index", 0) for d in devices})
    if slices == 1:
        return jax.make_mesh(shape, axes, axis_types=kinds, devices=devices)
    across = tuple(slices if axis == BATCH_AXES[0] else 1 for axis in axes)
    inside = tuple(n // parts for n, parts in zip(shape, across, strict=True))
    grid = mesh_utils.create_hybrid_device_mesh(inside, across, devices, allow_split_physical_axes=True)
    return Mesh(grid, axes, axis_types=kinds)


def make_replicated_sharding(mesh: Mesh) -> NamedSharding:
    """The sharding of an array that every device of the mesh holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def choose_shardings(tree, mesh: Mesh, rules):
    """Chooses a NamedSharding for every leaf of `tree` (arrays or jax.eval_shape's results).

    Args:
      rules: ((regex, spec), ...); the first regex found in a leaf's path decides. Paths run over field
        names and keys, "params/Dense_0/kernel", "opt_state/1/0/mu/Dense_0/kernel". A spec gives one
        mesh axis, a tuple of axes, or None per dimension. After "..." it gives the last dimensions, for
        leaves of many shapes: entries that a leaf is too short for, or that do not divide it, do nothing.
        A leaf no rule matches is replicated.

    Raises:
      ConfigError: a spec names an unknown axis, has too many entries, or does not divide the leaf.
    """

    def place(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        spec = next((tuple(spec) for regex, spec in rules if re.search(regex, name)), ())
        fitted = _fit_spec(spec[1:], leaf.shape, mesh) if spec[:1] == ("...",) else spec
        fault = _find_spec_error(fitted, leaf.shape, mesh)
        if fault:
            raise ConfigError(f"sharding rule {spec} for {name} {tuple(leaf.shape)}: {fault}")
        return NamedSharding(mesh, PartitionSpec(*fitted))

    return jax.tree_util.tree_map_with_path(place, tree)


def drop_fsdp_axis(places):
    """The NamedShardings of a tree without the axis "fsdp": where parameters are while a step uses them.

    Left to itself the partitioner would divide some activations over that axis as the parameters are, which
    the batch is divided over already, and copy them whole between the two.
    """

    def whole(place):
        spec = (tuple(a for a in _list_axes(entry) if a != FSDP) for entry in place.spec)
        return NamedSharding(place.mesh, PartitionSpec(*spec))

    return jax.tree.map(whole, places)


def _fit_spec(spec, shape, mesh: Mesh) -> tuple:
    """A spec's entries for the last dimensions of an array of this shape, None where one cannot divide."""
    spec = (None,) * (len(shape) - len(spec)) + spec[max(0, len(spec) - len(shape)) :]
    return tuple(
        None
        if set(_list_axes(entry)) <= mesh.shape.keys() and size % _count_parts(_list_axes(entry), mesh)
        else entry
        for size, entry in zip(shape, spec, strict=True)
    )


def _find_spec_error(spec, shape, mesh: Mesh) -> str:
    """Says what is wrong with a spec for an array of this shape, "" if nothing."""
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
    """The axes of a mesh that divide the batch between them; the others' devices share in a part of it."""
    return tuple(a for a in BATCH_AXES if a in mesh.shape)


def make_global_batch(batch: dict, mesh: Mesh) -> dict:
    """Puts each host's part of a batch, numpy [B / hosts, ...], on the mesh, split over "data" and "fsdp".

    Raises:
      ConfigError: the batch does not divide into the axes, or two hosts would have the same part of it.
    """
    places, hosts = _make_batch_shardings(batch, mesh, jax.process_count()), jax.process_count()

    def put(name, x):
        made = jax.make_array_from_process_local_data(places[name], x)
        # Hosts bring different rows, so no two of them may hold the same part of the batch.
        if x.ndim and made.shape[0] != x.shape[0] * hosts:
            raise ConfigError(
                f"mesh.shape={tuple(mesh.shape.values())}: some parts of a batch {_format_batch_axes(mesh)} "
                f"are on more than one of {hosts} hosts; make the other axes smaller"
            )
        return made

    return {name: put(name, np.asarray(x)) for name, x in batch.items()}


def make_abstract_batch(batch: dict, mesh: Mesh) -> dict:
    """The ShapeDtypeStructs of a whole batch, numpy [B, ...], as `make_global_batch` would lay it out.

    Raises:
      ConfigError: the batch does not divide into the axes.
    """
    places = _make_batch_shardings(batch, mesh, 1)
    return {
        name: jax.ShapeDtypeStruct(np.shape(x), jax.dtypes.canonicalize_dtype(x.dtype), sharding=places[name])
        for name, x in batch.items()
    }


def _make_batch_shardings(batch: dict, mesh: Mesh, hosts: int) -> dict:
    """The sharding of every array of a batch of which each host has such a part."""
    axes, places = get_batch_axes(mesh), {}
    parts = _count_parts(axes, mesh)
    for name, x in batch.items():
        places[name] = NamedSharding(mesh, PartitionSpec(axes) if np.ndim(x) else PartitionSpec())
        rows = np.shape(x)[0] * hosts if np.ndim(x) else 0
        if rows % parts:
            raise ConfigError(
                f'batch_size (or batch_tokens): {rows} rows of "{name}" do not divide into {parts} equal '
                f"parts {_format_batch_axes(mesh)}; change it or mesh.shape"
            )
    return places


def _format_batch_axes(mesh: Mesh) -> str:
    axes = get_batch_axes(mesh)
    return f"of the mesh {'axes' if axes[1:] else 'axis'} {' and '.join(map(repr, axes))}"
