"""Which language and signer a text is signed in: what a caller gives, checked against what a run knows."""

from collections.abc import Iterable, Sequence

from signjax.errors import ConfigError, did_you_mean
from signjax.limits import show_value
from signjax.pose.clip import Clip
from signjax.text.conditions import Condition, Conditions, keep_known

# A value for all texts, or one for each of them; None leaves it unspecified.
Given = str | Sequence[str | None] | None
SHOWN = 20  # known values that a message lists


def spread_conditions(
    known: Sequence[Condition], given: dict[str, Given], texts: str | Sequence[str], num: int, run: str
) -> list[Conditions]:
    """The conditions of each clip of `signjax.inference.text_batches.repeat_texts`; empty if none are given.

    Args:
      known: what the run was trained with.
      given: what the caller gives, by name.
      texts: one, or several.
      num: clips of each.
      run: what messages call it.

    Raises:
      ConfigError: the run was trained without a condition or has never seen a value, or there is not one
        value for each text.
    """
    count = 1 if isinstance(texts, str) else len(texts)
    values = {name: _list_values(name, value, count) for name, value in given.items() if value is not None}
    values = {name: listed for name, listed in values.items() if any(v is not None for v in listed)}
    for name, listed in values.items():
        _check_values(known, name, listed, run)
    if not values:
        return []
    about = [Conditions(**dict(zip(values, row, strict=True))) for row in zip(*values.values(), strict=True)]
    return [conditions for conditions in about for _ in range(num)]


def list_conditions(known: Sequence[Condition], clips: Iterable[Clip]) -> dict[str, list[str | None]]:
    """Language and signer of recorded clips as arguments of `TextToPose.generate`.

    What a run has never seen, such as a signer of the test split alone, is left unspecified.
    """
    kept = [keep_known(known, Conditions(clip.language, clip.signer)) for clip in clips]
    return {name: [getattr(conditions, name) for conditions in kept] for name, _ in known}


def describe_conditions(known: Sequence[Condition]) -> str:
    """What can be given to a run, as in "language (ase, ins), signer (38 values)"; "" if nothing can."""
    return ", ".join(f"{name} ({_format_values(values)})" for name, values in known)


def _list_values(name: str, value: Given, count: int) -> list[str | None]:
    listed = [value] * count if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(v is None or isinstance(v, str) for v in listed):
        raise ConfigError(f"{name} is {show_value(value)}; give a text, or one for each text that is signed")
    if len(listed) != count:
        raise ConfigError(f"{name} has {len(listed):,} values for {count:,} texts; give one for each")
    return list(listed)


def _check_values(known: Sequence[Condition], name: str, values: list[str | None], run: str) -> None:
    condition = next((condition for condition in known if condition.name == name), None)
    if condition is None:
        advice = f"leave it out, or train a run with --config.text.conditions={name}"
        others = f"; it knows {describe_conditions(known)}" if known else ""
        raise ConfigError(f"{name}: {run} was trained without it{others}; {advice}")
    for value in values:
        if value is not None and value not in condition.values:
            advice = f"it knows: {_format_values(condition.values)}"
            hint = did_you_mean(value, condition.values, advice)
            raise ConfigError(f"{name} {value!r} is unknown to {run}{hint}")


def _format_values(values: Sequence[str]) -> str:
    more = f" and {len(values) - SHOWN:,} more" if len(values) > SHOWN else ""
    return f"{', '.join(values[:SHOWN])}{more}"
