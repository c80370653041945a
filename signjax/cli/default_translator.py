"""The back-translator that the evaluate command uses."""

from collections.abc import Callable

from signjax.errors import ConfigError
from signjax.inference.load import load_pose_to_text
from signjax.inference.pose_to_text import PoseToText
from signjax.training import run_config, saved_steps

DEFAULT = "runs/backtranslate"


def find_translator(
    workdir: str | None, data_name: str, report: Callable[[str], None], text_kind: str = "sentence"
) -> PoseToText | None:
    """Loads the back-translator of the evaluate command.

    Args:
      workdir: its run; None for the default one.
      data_name: the data set that is evaluated.
      report: shows a line.
      text_kind: the field data.text of what is evaluated.

    Returns:
      The back-translator; None, with a line, if the default one is not trained.

    Raises:
      ConfigError: it was trained on other data, or the run is no back-translator.
    """
    if not workdir and saved_steps.find_last_step(DEFAULT, "latest") is None:
        report(f"No back-translation: {run_config.format_train_command(DEFAULT)} trains a model for it")
        return None
    workdir = workdir or DEFAULT
    config = run_config.load_config(f"{workdir}/config.json")
    wanted = f"--backtranslate wants a backtranslate run of {data_name!r}"
    if config.task != "backtranslate":
        raise ConfigError(f"{workdir} holds a {config.task} run; {wanted}")
    # Loading compares config.json with the config of the weights, so the data is compared after it.
    translator = load_pose_to_text(workdir)
    if config.data.name != data_name:
        raise ConfigError(f"{workdir} holds a run of data {config.data.name!r}; {wanted}")
    # What it reads is compared with the texts: a gloss and a sentence have no words in common.
    if (kind := config.data.get("text", "sentence")) != text_kind:
        raise ConfigError(f"{workdir} holds a run with data.text={kind}; {wanted} with data.text={text_kind}")
    return translator
