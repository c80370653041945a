"""Loads trained runs: the only place that knows which class a run of a task becomes."""

import dataclasses

from signjax.errors import ConfigError
from signjax.inference import contracts, variable_shapes
from signjax.inference.families import FAMILIES
from signjax.inference.hub import find_run
from signjax.inference.pose_autoencoder import PoseAutoencoder
from signjax.inference.pose_codec import PoseCodec
from signjax.inference.pose_to_text import PoseToText
from signjax.inference.pose_to_word import PoseToWord, load_calibration
from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.inference.text_to_pose import TextToPose, build_text_to_pose
from signjax.inference.word_list import load_words
from signjax.io import model_file
from signjax.models import build
from signjax.text import tokenizer
from signjax.training import data_rate, dependencies, run_config, text_encoder


def load(run) -> contracts.TrainedRun:
    """Loads a trained run, ready to use; its functions are compiled when they are first called.

    Args:
      run: the run's folder, a shared folder (see signjax.export.hub_folder), the id of one on the Hugging
        Face hub, such as "my-name/my-model", or "demo" for the model that comes with signjax, which signs
        the constructed language of the demo.

    Returns:
      A TextToPose, PoseTokenizer, PoseAutoencoder, PoseToText or PoseToWord, as the run's task says.

    Raises:
      StorageError: nothing was trained in the folder (the message has the command that does), or something
        there or in a run that it needs is corrupt.
      ConfigError: a run that it needs was replaced by another one, or runs of its task cannot be used by
        themselves.
    """
    run = find_run(run)
    config = run_config.load_config(f"{run}/config.json")
    if config.task not in LOADERS:
        raise ConfigError(f"{run} holds a {config.task} run, which cannot be used by itself")
    return LOADERS[config.task](run)


def load_text_to_pose(run) -> TextToPose:
    """Loads a run that generates clips from texts.

    Raises:
      ConfigError: the run does not; or as `load`.
      StorageError: as `load`.
    """
    run = find_run(run)
    task = run_config.load_config(f"{run}/config.json").task
    if task not in FAMILIES:
        raise ConfigError(f"{run} holds a {task} run, which signs no text; name a gpt run")
    return _load_generator(run)


def load_clip_maker(run) -> contracts.TrainedRun:
    """Loads a run that makes clips: a generator from texts, a tokenizer or auto-encoder from other clips.

    Raises:
      ConfigError: the run makes none; or as `load`.
      StorageError: as `load`.
    """
    run = find_run(run)
    task = run_config.load_config(f"{run}/config.json").task
    if task not in FAMILIES and LOADERS.get(task) is not load_codec:
        raise ConfigError(f"{run} holds a {task} run, which makes no clips; name one that does")
    return load(run)


def load_codec(run) -> PoseCodec:
    """Loads the run of a tokenizer or an auto-encoder.

    Raises:
      ConfigError: the run is neither; or as `load`.
      StorageError: as `load`.
    """
    # Before the config is read: this compares it with the config that the weights were saved with.
    variables, _ = _load_variables(run)
    config = run_config.load_config(f"{run}/config.json")
    if config.task not in ("vqvae", "ae2d"):
        raise ConfigError(
            f"{run} holds a {config.task} run; give a run of configs/vqvae.py or configs/ae2d.py"
        )
    variable_shapes.check_variables(run, config, variables)
    continuous = config.task == "ae2d" or config.quantizer.kind == "kl"
    codec = (PoseAutoencoder if continuous else PoseTokenizer).from_config(config, variables)
    return dataclasses.replace(codec, run=str(run), rate=data_rate.read_rate(run))


def load_autoencoder(run) -> PoseAutoencoder:
    """Loads a run with continuous latents, on which a flow is trained.

    Raises:
      ConfigError: the run has none; or as `load`.
      StorageError: as `load`.
    """
    codec = load_codec(run)
    if not isinstance(codec, PoseAutoencoder):
        raise ConfigError(
            f"autoencoder is {run}, which has no continuous latents; give a run of "
            "configs/ae2d.py or configs/vqvae.py:kl"
        )
    return codec


def load_pose_to_text(run) -> PoseToText:
    """Loads the run of a back-translator.

    Raises:
      ConfigError: the run is not one; or as `load`.
      StorageError: as `load`.
    """
    variables, _ = _load_variables(run)
    config = run_config.load_config(f"{run}/config.json")
    if config.task != "backtranslate":
        raise ConfigError(f"{run} holds a {config.task} run; give a backtranslate run")
    vocabulary = tokenizer.load_tokenizer(f"{run}/text.json")
    variable_shapes.check_variables(run, config, variables, vocabulary=vocabulary.size)
    model = build.build_back_translator(config, vocabulary.size)
    return PoseToText(config, variables, model, vocabulary, data_rate.read_rate(run), run=str(run))


def load_recognizer(run) -> PoseToWord:
    """Loads the run of a recogniser of single signs.

    Raises:
      ConfigError: the run is not one; or as `load`.
      StorageError: as `load`.
    """
    run = find_run(run)
    variables, _ = _load_variables(run)
    config = run_config.load_config(f"{run}/config.json")
    if config.task != "recognizer":
        raise ConfigError(f"{run} holds a {config.task} run; give a run of configs/recognizer.py")
    words = load_words(run)
    variable_shapes.check_variables(run, config, variables, vocabulary=len(words))
    model = build.build_recognizer(config, len(words))
    recognizer = PoseToWord(config, variables, model, words, run=str(run))
    return dataclasses.replace(recognizer, temperature=load_calibration(run, recognizer.calibration_key))


def _load_variables(run) -> tuple[dict, int]:
    """As signjax.training.checkpoint.load_variables."""
    # Without orbax, which takes a second to import and which a shared run has no use for.
    if model_file.is_shared_run(run):
        return model_file.load_variables(run)
    from signjax.training import checkpoint

    return checkpoint.load_variables(run)


def _load_generator(run) -> TextToPose:
    variables, _ = _load_variables(run)
    config = run_config.load_config(f"{run}/config.json")
    encoder = text_encoder.load_text_encoder(run, config)
    field = FAMILIES[config.task].codec_field
    folder = dependencies.find_trained_dependency(run, field, config[field])
    codec = load_autoencoder(folder) if field == "autoencoder" else load_codec(folder)
    # With another codec, even the same one trained again, the codes decode to wrong clips without any error.
    dependencies.check_dependency(run, field, folder, codec.variables)
    variable_shapes.check_variables(
        run,
        config,
        variables,
        vocabulary=encoder.size,
        features=0 if isinstance(encoder, tokenizer.TextTokenizer) else encoder.model.width,
        codec_config=codec.config,
    )
    # The same codes are other motion in data of another rate than the codec's: the generator's data decide.
    codec = dataclasses.replace(codec, rate=data_rate.read_rate(run) or codec.rate)
    # No config has this width: it was fitted to the latents of the training data.
    dim = len(variables["latents"]["deviation"]) if "latents" in variables else 0
    generator = build_text_to_pose(config, encoder, codec, variables, dim)
    return dataclasses.replace(generator, run=str(run))


# By the `task` of configs. The task motion_encoder is missing: its weights are used by metrics only.
LOADERS = {
    "vqvae": load_codec,
    "ae2d": load_codec,
    "gpt": _load_generator,
    "seed_gpt": _load_generator,
    "masked": _load_generator,
    "flow": _load_generator,
    "backtranslate": load_pose_to_text,
    "recognizer": load_recognizer,
}
