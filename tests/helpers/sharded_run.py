"""The GPT's step compiled and the tokenizer run on simulated meshes.

python tests/helpers/sharded_run.py '{...}'
"""

import json
import math
import sys

import collectives
import gpt_run
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from signjax.models import build
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, sharding, train_step

END = "what follows is expected"


def config_on(name: str, shape, fields: dict):
    """A config for a mesh."""
    return gpt_run.get_config(name, **fields, **{"mesh.shape": tuple(shape)})


def repeated(batch: dict, mesh) -> dict:
    """A global batch of one row for each device that has its own; only its shapes matter."""
    rows = math.prod(mesh.shape[axis] for axis in sharding.get_batch_axes(mesh))
    return sharding.make_global_batch({k: np.resize(x, (rows, *x.shape[1:])) for k, x in batch.items()}, mesh)


def program(c, made, batch) -> dict:
    """What a step moves and what a device holds."""
    mesh = sharding.make_mesh(c.mesh)
    batch = repeated(batch, mesh)
    _, compiled, _, abstract = train_step.compile_steps(c, made, mesh, batch)
    compiled = compiled.lower(abstract, batch).compile()
    leaves = jax.tree.leaves(abstract)
    return {
        "moved": collectives.moved(compiled.as_text()),
        "params": sum(x.size for x in jax.tree.leaves(abstract.params)),
        "state": sum(x.size * x.dtype.itemsize for x in leaves),
        "held": compiled.memory_analysis().alias_size_in_bytes,  # of the state, which is donated
    }


def tokenize(c, variables, batch, path) -> None:
    """Writes codes and latents of a batch of windows."""
    mesh, model = sharding.make_mesh(c.mesh), build.build_tokenizer(c)
    variables = jax.device_put(variables, sharding.choose_shardings(variables, mesh, c.sharding))
    batch = sharding.make_global_batch(batch, mesh)

    def both(variables, pose, mask):
        return [model.apply(variables, pose, mask, method=name) for name in ("encode", "compute_latents")]

    codes, latents = jax.jit(both)(variables, batch["pose"], batch["mask"])
    np.savez(path, codes=codes, latents=latents["whole"])


def involuntary() -> None:
    """What a step would do if parameters divided its activations over fsdp; to see that this is said."""
    mesh = sharding.make_mesh(config_on("gpt:fsdp", (2, 2, 2), {}).mesh)
    rows = NamedSharding(mesh, PartitionSpec(("data", "fsdp")))
    width = NamedSharding(mesh, PartitionSpec(None, None, "fsdp"))
    x = jax.ShapeDtypeStruct((4, 128, 256), np.float32, sharding=rows)
    jax.jit(lambda x: 2 * jax.lax.with_sharding_constraint(x, width)).lower(x).compile()


def main(spec: dict) -> None:
    """Prints a JSON line for each of the GPT's programs, writes codes, and last sets off the warning."""
    fields, data = spec["gpt"], spec["vqvae"]
    made = make_task(config_on("gpt", (1,), fields), spec["workdir"])
    batch = next(iter(made.batches(0)))
    for name, shape in spec["programs"]:
        print(json.dumps(program(config_on(name, shape, fields), made, batch)))
    windows = next(iter(make_task(config_on("vqvae", (1,), data), spec["workdir"]).batches(0)))
    variables, _ = checkpoint.load_variables(fields["tokenizer"])
    for shape in spec["tokenizers"]:
        path = f"{spec['workdir']}/{'x'.join(map(str, shape))}.npz"
        tokenize(config_on("vqvae:fsdp", shape, data), variables, windows, path)
    print(END, file=sys.stderr, flush=True)
    involuntary()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
