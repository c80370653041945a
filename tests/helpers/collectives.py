"""Bytes that devices send one another in a step, counted in the text of a compiled program."""

import math
import re

KINDS = "all-reduce|all-gather|reduce-scatter|(?:ragged-)?all-to-all|collective-(?:permute|broadcast)"
CALLED = re.compile(r"(?:calls|to_apply|condition|body|\w+_computation)=%?([\w.-]+)")
LISTED = re.compile(r"(?:branch|called)_computations=\{([^}]*)\}")


def moved(text: str) -> dict[str, int]:
    """Bytes of the results of each kind of collective that one device gets in one run of a program.

    A reduce-scatter counts with what goes in. What stands in the body of a loop counts once a turn.

    Args:
      text: HLO of the partitioned program, `compiled.as_text()`.
    """
    bodies, entry = _computations(text)
    bytes_by_kind = {}
    for kind, size in _walk(bodies, entry):
        bytes_by_kind[kind] = bytes_by_kind.get(kind, 0) + size
    return bytes_by_kind


def _computations(text: str):
    """({name: its lines}, the name of the one that is run)."""
    bodies, entry, name = {}, "", ""
    for line in text.splitlines():
        if head := re.match(r"(ENTRY )?%?([\w.-]+) .*\{$", line):
            name = head[2]
            entry, bodies[name] = name if head[1] else entry, []
        elif name:
            bodies[name].append(line)
    return bodies, entry


def _walk(bodies: dict, name: str):
    """(kind, bytes) of each collective of a computation and of those it calls, as often as it calls them."""
    for line in bodies[name]:
        if hit := re.search(rf" = (.+?) ({KINDS})(-start)?\(", line):
            shape, kind, start = hit.groups()
            yield kind, _group(line, kind) * _size(shape, started=bool(start) and kind != "all-reduce")
        inside = CALLED.findall(line) + [n.strip(" %") for s in LISTED.findall(line) for n in s.split(",")]
        below = [item for callee in inside for item in _walk(bodies, callee)]
        turns = re.search(r'"known_trip_count":\{"n":"(\d+)"', line)
        assert turns or not below or " while(" not in line, f"nobody knows how often this loop turns: {line}"
        yield from below * (int(turns[1]) if turns else 1)


def _group(line: str, kind: str) -> int:
    """What a result is to be multiplied by: devices of a group for a reduce-scatter."""
    if kind != "reduce-scatter":
        return 1
    listed, iota = re.search(r"replica_groups=\{\{([\d,]+)\}", line), re.search(r"=\[\d+,(\d+)\]<=", line)
    return len(listed[1].split(",")) if listed else int(iota[1])


def _size(shape: str, started: bool) -> int:
    """Bytes of an array or tuple; of an asynchronous start's, (operands, results, ...), the results'."""
    shape = re.sub(r"/\*.*?\*/|\{[^}]*\}", "", shape)  # comments and layouts
    arrays = re.findall(r"([a-z]+)(\d*)\w*\[([\d,]*)\]", _parts(shape)[1] if started else shape)
    return sum(
        math.ceil(int(bits or 8) / 8 * math.prod(int(n) for n in dims.split(",") if n))
        for _, bits, dims in arrays
    )


def _parts(shape: str) -> list[str]:
    """The elements of a tuple, "(f32[2], (f32[3], f32[4]))" -> ["f32[2]", "(f32[3], f32[4])"]."""
    parts, depth = [""], 0
    for letter in shape.strip()[1:-1]:
        depth += (letter in "([") - (letter in ")]")
        parts = [*parts, ""] if letter == "," and not depth else [*parts[:-1], parts[-1] + letter]
    return parts
