"""Packaging of signjax; all metadata lives here."""

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).parent
README = ROOT / "README.md"
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "signjax/__init__.py").read_text()).group(1)

setup(
    name="signjax",
    version=VERSION,
    description="Text to sign-language pose in JAX: motion tokenizer, GPT, data and evaluation tools",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["signjax", "signjax.*"]),
    package_data={"signjax.rendering": ["*.html", "*.js"], "signjax.metrics": ["motion_encoder.npz"]},
    python_requires=">=3.11",
    install_requires=[
        "absl-py>=2.0",
        "flax>=0.12",
        "grain>=0.2.16",
        "imageio>=2.34",
        "jax>=0.10",
        "matplotlib>=3.8",
        "ml-collections>=1.0",
        "numpy>=2.0",
        "optax>=0.2.5",
        "orbax-checkpoint>=0.12",
        "pillow>=10",
        "rich>=13",
        "transformers>=5.0",
    ],
    extras_require={
        "bench": ["torch>=2.6"],
        "cuda": ["jax[cuda13]>=0.10"],
        "cuda12": ["jax[cuda12]>=0.10"],
        # beside jax2onnx, which asks for an older orbax-checkpoint and so has to be installed with --no-deps
        "onnx": [
            "dm-pix>=0.4",
            "einops>=0.8",
            "equinox>=0.13",
            "onnx>=1.20",
            "onnx-ir>=0.2",
            "onnxruntime>=1.24",
        ],
        "stablehlo": ["flatbuffers>=24"],
        "tpu": ["jax[tpu]>=0.10"],
        "video": ["av>=12"],
        "tensorboard": ["tensorboardX>=2.6"],
        "wandb": ["wandb>=0.20"],
        "test": [
            "dtaidistance>=2.3",
            "fastdtw>=0.3.4",
            "flatbuffers>=24",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            "sacrebleu>=2.4",
        ],
    },
)
