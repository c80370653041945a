"""Peak memory of a program beside its arguments, estimated from its jaxpr without compiling it.

The estimate is a simple model of XLA. Matrix products, convolutions, gathers, sorts, random bits, loops and
reductions write their results to memory. Elementwise operations are fused into the operations that read them.
Their results take memory only if an operation that is not fused reads them, or if they are smaller than the
inputs that would have to be kept to compute them later. Calls, also of jax.checkpoint, are inlined.
"""

import itertools
import math
from typing import NamedTuple

from jax.extend import core

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "custom_jvp_call", "custom_vjp_call"}
LOOPS = {"scan", "while", "cond"}
VIEWS = {"reshape", "squeeze", "expand_dims", "transpose", "copy", "copy_p"}  # of the same bytes
# Beginnings of names: jax has several primitives of most of these.
WRITES = ("dot_general", "conv_", "gather", "scatter", "sort", "top_k", "cum", "concatenate", "random_bits")
REDUCES = ("reduce_", "argmax", "argmin")


class Operation(NamedTuple):
    """One operation of a program. Values are named by their index in Program.sizes."""

    fused: bool  # into the operations that read its results
    writes: bool  # and reads memory; a reduction is neither fused nor this, as its inputs are fused into it
    reads: list[int]
    results: list[int]
    loop_bytes: int  # peak memory of the body of a loop, 0 for other operations


class Program(NamedTuple):
    """Operations in order of execution, and the bytes of every value."""

    operations: list[Operation]
    sizes: list[int]


def estimate_peak(closed: core.ClosedJaxpr, parts: dict[tuple, int] | None = None) -> int:
    """The largest number of bytes in use at once, without arguments and without results that replace them.

    Args:
      closed: the program as one device runs it, with its part of the batch.
      parts: {shape: number of devices that an array of this shape is divided among}; 1 for other shapes.
    """
    program, indices = Program([], []), {}
    # Values are numbered in order, so the first ones are the arguments.
    for variable in (*closed.jaxpr.constvars, *closed.jaxpr.invars):
        indices[variable] = _add_value(program, variable, {})
    num_arguments = len(program.sizes)
    results = _append_operations(closed.jaxpr, indices, program, parts or {})
    return _find_peak(program, num_arguments, results)


def count_local_bytes(aval, parts: dict[tuple, int]) -> int:
    """Bytes of an array on one device."""
    # Tokens and other abstract values that are no arrays take no memory.
    if not hasattr(aval, "shape"):
        return 0
    return math.prod(aval.shape) * aval.dtype.itemsize // parts.get(aval.shape, 1)


def _add_value(program: Program, variable, parts) -> int:
    program.sizes.append(count_local_bytes(variable.aval, parts))
    return len(program.sizes) - 1


def _append_operations(jaxpr, indices: dict, program: Program, parts) -> list[int]:
    """Appends the operations of a jaxpr to a program.

    Args:
      jaxpr: the operations.
      indices: {variable: index of its value}, with those of the jaxpr's inputs; is extended.
      program: is extended.
      parts: see `estimate_peak`.

    Returns:
      The indices of the jaxpr's results.
    """

    def get_index(atom):
        if isinstance(atom, core.Literal) or atom not in indices:
            return _add_value(program, atom, {})
        return indices[atom]

    for eqn in jaxpr.eqns:
        kind, reads = eqn.primitive.name, [get_index(v) for v in eqn.invars]
        if kind in CALLS:
            called = next(eqn.params[k] for k in ("jaxpr", "call_jaxpr") if k in eqn.params)
            # Some primitives hold a ClosedJaxpr, some a Jaxpr.
            called = getattr(called, "jaxpr", called)
            # Variables of its own: the same jaxpr may be called twice, with other values.
            inside = dict(zip(called.invars, reads, strict=True))
            results = _append_operations(called, inside, program, parts)
            indices.update(zip(eqn.outvars, results, strict=True))
        elif kind in VIEWS:
            indices[eqn.outvars[0]] = reads[0]
        else:
            results = [_add_value(program, v, parts) for v in eqn.outvars]
            indices.update(zip(eqn.outvars, results, strict=True))
            writes = kind in LOOPS or kind.startswith(WRITES)
            fused = not writes and not kind.startswith(REDUCES)
            loop_bytes = _estimate_loop_peak(eqn, parts)
            program.operations.append(Operation(fused, writes, reads, results, loop_bytes))
    return [get_index(v) for v in jaxpr.outvars]


def _estimate_loop_peak(eqn, parts) -> int:
    if eqn.primitive.name not in LOOPS:
        return 0
    loops = [eqn.params.get(k) for k in ("jaxpr", "body_jaxpr", "cond_jaxpr")]
    # The parts of a loop run one after the other, and one branch of a conditional alone.
    return max(estimate_peak(closed, parts) for closed in (*loops, *eqn.params.get("branches", ())) if closed)


def _find_peak(program: Program, num_arguments: int, results: list[int]) -> int:
    """Decides which values are written to memory and how long they live; returns the most bytes at once."""
    operations, sizes = program
    # Operation i reads at time 2 i. Results of a fused operation are written at 2 i + 1, as they can take the
    # place of inputs that end at 2 i; those of another operation at 2 i, beside its inputs.
    end = {value: 2 * i for i, op in enumerate(operations) for value in op.reads}
    end.update(dict.fromkeys(results, 2 * len(operations)))
    must_be_written = {value for op in operations if op.writes for value in op.reads}
    # The values in memory that a value is computed from when it is read.
    sources_of = {value: {value} for value in range(num_arguments)}
    begin: dict[int, int] = {}
    for i, op in enumerate(operations):
        sources, until = set().union(*(sources_of.get(value, ()) for value in op.reads)), 2 * i
        for value in op.results:
            last = end.setdefault(value, 2 * i)
            # Arguments are there to the end anyway, so keeping them longer costs nothing.
            kept_longer = sum(sizes[s] for s in sources if s >= num_arguments and end[s] < last)
            if op.fused and value not in must_be_written and kept_longer <= sizes[value]:
                sources_of[value], until = sources, max(until, last)
            else:
                sources_of[value], begin[value] = {value}, 2 * i + op.fused
        end.update({s: max(end[s], until) for s in sources})
    return _sum_live_bytes(operations, sizes, begin, end)


def _sum_live_bytes(operations, sizes, begin, end) -> int:
    """The most bytes in use while an operation runs.

    Args:
      operations: of the program.
      sizes: bytes of each value.
      begin: {value: time at which it is written}, of those that are.
      end: {value: time at which it is read for the last time}.
    """
    # Differences first, then their running sum: linear in the number of values, however long they live.
    change = [0] * (2 * len(operations) + 2)
    for value, start in begin.items():
        change[start] += sizes[value]
        change[max(end[value], start) + 1] -= sizes[value]
    live = list(itertools.accumulate(change))
    return max((live[2 * i] + op.loop_bytes for i, op in enumerate(operations)), default=0)
