"""Bytes that a program holds at once beside its arguments, from its jaxpr: nothing is compiled.

The model of XLA is simple. Matrix products, convolutions, gathers, sorts, random bits and loops write their
results; so do reductions. What is computed value by value is fused into what reads it: it takes memory only
if such an operation reads it, or if it is smaller than what would have to be kept to compute it again.
Functions that are called, jax.checkpoint's too, stand in the place of their calls.
"""

import itertools
import math
from typing import NamedTuple

from jax.extend import core

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "custom_jvp_call", "custom_vjp_call"}
LOOPS = {"scan", "while", "cond"}
SAME = {"reshape", "squeeze", "expand_dims", "transpose", "copy", "copy_p"}  # other views of the same bytes
WRITES = ("dot_general", "conv_", "gather", "scatter", "sort", "top_k", "cum", "concatenate", "random_bits")
REDUCES = ("reduce_", "argmax", "argmin")


class Operation(NamedTuple):
    """One operation of a program; values are numbers."""

    fused: bool  # into what reads it
    writes: bool  # reads and writes memory; a reduction reads what is fused into it, and writes
    reads: list[int]
    results: list[int]
    inner: int  # bytes that a loop holds inside


class Program(NamedTuple):
    """Operations in order, and the bytes of every value."""

    ops: list[Operation]
    sizes: list[int]


def estimate_peak(closed: core.ClosedJaxpr, parts: dict[tuple, int] | None = None) -> int:
    """The most bytes that are held at once, without arguments and without results that replace them.

    Args:
      closed: the program, as one device sees it: with its part of the batch.
      parts: {shape: in how many parts an array of this shape lies over the devices}, 1 if it is not there.
    """
    program, names = Program([], []), {}
    for variable in (*closed.jaxpr.constvars, *closed.jaxpr.invars):
        names[variable] = _add_value(program, variable, {})
    given = len(program.sizes)
    results = _append_operations(closed.jaxpr, names, program, parts or {})
    return _find_peak(program, given, results)


def count_local_bytes(aval, parts: dict[tuple, int]) -> int:
    """Bytes of an array on one device."""
    if not hasattr(aval, "shape"):
        return 0
    return math.prod(aval.shape) * aval.dtype.itemsize // parts.get(aval.shape, 1)


def _add_value(program: Program, variable, parts) -> int:
    program.sizes.append(count_local_bytes(variable.aval, parts))
    return len(program.sizes) - 1


def _append_operations(jaxpr, names: dict, program: Program, parts) -> list[int]:
    """Appends the operations of a jaxpr whose inputs are in `names`; returns its results."""

    def name(atom):
        if isinstance(atom, core.Literal) or atom not in names:
            return _add_value(program, atom, {})
        return names[atom]

    for eqn in jaxpr.eqns:
        kind, reads = eqn.primitive.name, [name(v) for v in eqn.invars]
        if kind in CALLS:
            called = next(eqn.params[k] for k in ("jaxpr", "call_jaxpr") if k in eqn.params)
            called = getattr(called, "jaxpr", called)
            inside = dict(zip(called.invars, reads, strict=True))
            names.update(zip(eqn.outvars, _append_operations(called, inside, program, parts), strict=True))
        elif kind in SAME:
            names[eqn.outvars[0]] = reads[0]
        else:
            results = [_add_value(program, v, parts) for v in eqn.outvars]
            names.update(zip(eqn.outvars, results, strict=True))
            writes = kind in LOOPS or kind.startswith(WRITES)
            fused = not writes and not kind.startswith(REDUCES)
            program.ops.append(Operation(fused, writes, reads, results, _estimate_loop_peak(eqn, parts)))
    return [name(v) for v in jaxpr.outvars]


def _estimate_loop_peak(eqn, parts) -> int:
    if eqn.primitive.name not in LOOPS:
        return 0
    found = [eqn.params.get(k) for k in ("jaxpr", "body_jaxpr", "cond_jaxpr")]
    return max(estimate_peak(closed, parts) for closed in (*found, *eqn.params.get("branches", ())) if closed)


def _find_peak(program: Program, given: int, results: list[int]) -> int:
    """Gives every value that is written its time, and adds up. Operation i reads at 2 i; what it fuses is
    written after that, in the place of what ends there, and what it does not fuse at the same time."""
    ops, sizes = program
    end = {value: 2 * i for i, op in enumerate(ops) for value in op.reads}
    end.update(dict.fromkeys(results, 2 * len(ops)))
    read = {value for op in ops if op.writes for value in op.reads}
    made_of = {value: {value} for value in range(given)}  # what a value is computed from when it is read
    begin: dict[int, int] = {}
    for i, op in enumerate(ops):
        sources, until = set().union(*(made_of.get(value, ()) for value in op.reads)), 2 * i
        for value in op.results:
            last = end.setdefault(value, 2 * i)
            longer = sum(sizes[s] for s in sources if s >= given and end[s] < last)
            if op.fused and value not in read and longer <= sizes[value]:
                made_of[value], until = sources, max(until, last)
            else:
                made_of[value], begin[value] = {value}, 2 * i + op.fused
        end.update({s: max(end[s], until) for s in sources})
    return _sum_live_bytes(ops, sizes, begin, end)


def _sum_live_bytes(ops, sizes, begin, end) -> int:
    """The most that is there while an operation runs, from the times of all that is written."""
    change = [0] * (2 * len(ops) + 2)
    for value, start in begin.items():
        change[start] += sizes[value]
        change[max(end[value], start) + 1] -= sizes[value]
    live = list(itertools.accumulate(change))
    return max(live[2 * i] + ops[i].inner for i in range(len(ops))) if ops else 0
