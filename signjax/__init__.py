"""signjax: text to sign-language pose in JAX."""

__version__ = "0.1.0"
