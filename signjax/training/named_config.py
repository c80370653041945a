"""The configs of configs/ by their names."""

import importlib.util


def load_named_config(name: str):
    """The config that `name` stands for: "vqvae" is configs/vqvae.py, "vqvae:kl" its variant kl."""
    stem, _, variant = name.partition(":")
    spec = importlib.util.spec_from_file_location(f"{stem}_config", f"configs/{stem}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(variant)
