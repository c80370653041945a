"""Whether the devices can share the batches of a config, asked before anything is loaded or encoded."""

import collections
import math

import jax

from signjax.errors import ConfigError
from signjax.training import config_schema, sharding


def check_batches(config) -> None:
    """Checks that devices and hosts can share the batches of a config.

    Raises:
      ConfigError: they cannot, or there is no such mesh.
    """
    mesh = sharding.make_mesh(config.mesh)
    check_hosts(mesh)
    check_batch_size(config, mesh)


def check_batch_size(config, mesh) -> None:
    """Checks that the devices of a mesh get equally many windows of a training batch.

    Batches of evaluation, and of rows packed with clips, are filled up with rows that count nowhere
    (signjax.data.loader), so nothing has to divide them.

    Args:
      config: of the run.
      mesh: of its devices.

    Raises:
      ConfigError: they do not; the message says what `batch_size` or `mesh.shape` can be.
    """
    # In the config of a task of one's own the field may mean anything.
    if config.task not in config_schema.TASKS or "batch_size" not in config:
        return
    size, parts = config.batch_size, sharding.count_batch_parts(mesh)
    if size % parts:
        raise ConfigError(
            f"batch_size is {size:,}, and its rows do not divide into {parts:,} equal parts "
            f"{sharding.format_batch_axes(mesh)}; make it a multiple of {parts:,}, or give mesh.shape a "
            f"divisor of {size:,}, such as {math.gcd(size, parts)}"
        )


def check_hosts(mesh) -> None:
    """Checks that every host of a job has equally many parts of each batch, and none together with another.

    Raises:
      ConfigError: it does not; the message has `mesh.shape`.
    """
    shape, hosts = tuple(mesh.shape.values()), jax.process_count()
    owners = [{device.process_index for device in devices} for devices in sharding.list_part_devices(mesh)]
    if any(len(numbers) > 1 for numbers in owners):
        raise ConfigError(
            f"mesh.shape={shape}: some parts of a batch {sharding.format_batch_axes(mesh)} are on more than "
            f"one of {hosts} hosts; make the other axes smaller"
        )
    counts = collections.Counter(min(numbers) for numbers in owners)
    if len(counts) < hosts or len(set(counts.values())) > 1:
        raise ConfigError(
            f"mesh.shape={shape}: has devices of {len(counts)} of {hosts} hosts, or not equally many of "
            "each; use all devices, or start fewer hosts"
        )
