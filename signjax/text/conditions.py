"""What a text is signed as: the sign language and the signer, as tokens before its words."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from signjax.errors import ConfigError


class Conditions(NamedTuple):
    """What is known of a clip beside its text; None where nothing is."""

    language: str | None = None
    signer: str | None = None


NAMES = Conditions._fields
UNSPECIFIED = Conditions()


class Condition(NamedTuple):
    """A condition that a run was trained with."""

    name: str  # one of NAMES
    values: tuple[str, ...]  # those of the training clips, sorted


def fit_conditions(names: Sequence[str], clips: Iterable[Conditions]) -> tuple[Condition, ...]:
    """The conditions of these names, with the values of the training clips.

    Args:
      names: some of NAMES, the field text.conditions.
      clips: what is known of them.

    Raises:
      ConfigError: no clip says one of them.
    """
    clips, conditions = list(clips), []
    # In one order, whatever the order of the config and of the clips: ids must be the same on every host.
    for name in (name for name in NAMES if name in names):
        values = sorted({value for clip in clips if (value := getattr(clip, name)) is not None})
        if not values:
            advice = f"import the data with a column {name} in their table, or leave it out"
            raise ConfigError(f"text.conditions has {name!r}, and no training clip says one; {advice}")
        conditions.append(Condition(name, tuple(values)))
    return tuple(conditions)


def keep_known(conditions: Sequence[Condition], clip: Conditions) -> Conditions:
    """What is known of a clip, as far as a run knows it, too: other values are left unspecified.

    Recorded clips of other signers than those of the training have to be scored like all others.
    """
    known = {condition.name: condition.values for condition in conditions}
    return Conditions(
        **{name: v for name, v in clip._asdict().items() if v is not None and v in known.get(name, ())}
    )
