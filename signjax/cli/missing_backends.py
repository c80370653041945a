"""Errors of JAX about a backend that this machine or this installation lacks, as one line."""

import importlib.util
import os
import sys

from signjax.errors import ConfigError

# The extra of signjax that brings a backend, and the packages that it is in.
EXTRAS = {
    "cuda": ("cuda", ("jax_cuda13_plugin", "jax_cuda12_plugin")),
    "gpu": ("cuda", ("jax_cuda13_plugin", "jax_cuda12_plugin")),
    "tpu": ("tpu", ("libtpu",)),
}
VARIABLES = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")


# How JAX's message begins.
UNAVAILABLE = "Unable to initialize backend"


def find_missing_backend(failure: BaseException | None = None) -> ConfigError | None:
    """The error of a backend that was asked for and cannot be used; None if nothing is wrong with backends.

    Args:
      failure: what a command has failed with.

    JAX looks for its backends when it is first used, anywhere in a command, and says that one is missing by
    errors of different types, of which some have no message. So it is asked again when a command has failed.
    """
    jax = sys.modules.get("jax")
    if jax is None:
        return None
    try:
        jax.devices()
        # Asked again, JAX gives those of several backends that it has, and says nothing of the others.
        if not str(failure).startswith(UNAVAILABLE):
            return None
    except Exception as error:
        failure = error
    reason = str(failure).partition("\n")[0]
    name = next((name for name in VARIABLES if os.environ.get(name)), None)
    platforms = os.environ[name] if name else jax.config.jax_platforms or ""
    subject = f"{name or 'jax_platforms'} is {platforms}"
    if not platforms:
        return ConfigError(f"JAX finds no device ({reason or 'it says no more'}); set JAX_PLATFORMS=cpu")
    for platform in platforms.lower().split(","):
        extra, packages = EXTRAS.get(platform, ("", ()))
        if extra and not any(map(importlib.util.find_spec, packages)):
            return ConfigError(
                f"{subject}, and this JAX has no such backend; install signjax[{extra}], or unset it"
            )
    reason = f" ({reason})" if reason else ""
    return ConfigError(f"{subject}, and JAX cannot use such a device here{reason}; unset it")
