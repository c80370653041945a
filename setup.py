"""Packaging of signjax; all metadata lives here."""

import pathlib
import re

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent
README = ROOT / "README.md"
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "signjax/__init__.py").read_text()).group(1)
CONFIGS = [f"configs/{path.name}" for path in sorted((ROOT / "configs").glob("*.py"))]


class BuildWithConfigs(build_py):
    """Puts the configs into the package; in a checkout they lie beside it, for all to see and copy."""

    def run(self):
        """Copies them after all other files; an installation that points to a checkout finds them there."""
        super().run()
        if not self.editable_mode:
            for path in CONFIGS:
                self.copy_file(path, f"{self.build_lib}/signjax/{path}")

    def get_source_files(self):
        """What a source distribution needs."""
        return [*super().get_source_files(), *CONFIGS]


setup(
    name="signjax",
    version=VERSION,
    description="Text to sign-language pose in JAX: motion tokenizer, GPT, data and evaluation tools",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    author="The signjax contributors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["sign language", "pose", "motion tokenizer", "text to motion", "JAX", "Flax"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Natural Language :: English",
        "Operating System :: POSIX :: Linux",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["signjax", "signjax.*"]),
    package_data={
        "signjax": ["py.typed"],
        "signjax.demo": ["model/*", "model/tokenizer/*"],
        "signjax.metrics": ["motion_encoder.npz"],
        "signjax.rendering": ["*.html", "*.js"],
    },
    cmdclass={"build_py": BuildWithConfigs},
    python_requires=">=3.11",
    # imageio and transformers are packages of the project that nothing here imports yet.
    install_requires=[
        "absl-py>=2.0",
        "flax>=0.12",
        "grain>=0.2.16",
        "huggingface-hub>=0.34",
        "imageio>=2.34",
        "jax>=0.10",
        "matplotlib>=3.11",
        "ml-collections>=1.0",
        "numpy>=2.0",
        "optax>=0.2.5",
        "orbax-checkpoint>=0.12",
        "pillow>=10",
        "regex>=2024.5.10",
        "rich>=13",
        "tokenizers>=0.21",
        "transformers>=5.0",
    ],
    extras_require={
        "bench": ["array-record>=0.8", "tensorstore>=0.1.70", "torch>=2.6"],
        "cuda": ["jax[cuda13]>=0.10"],
        "cuda12": ["jax[cuda12]>=0.10"],
        "docs": ["mkdocs>=1.6", "mkdocs-material>=9.5", "mkdocstrings[python]>=0.29"],
        # beside jax2onnx, which asks for an older orbax-checkpoint and so has to be installed with --no-deps
        "onnx": [
            "dm-pix>=0.4",
            "einops>=0.8",
            "equinox>=0.13",
            "onnx>=1.20",
            "onnx-ir>=0.2",
            "onnxruntime>=1.24",
        ],
        # letters of nearly all scripts for the captions of pictures, 47 MB
        "fonts": ["weblate-fonts>=2026.1"],
        "parquet": ["pyarrow>=17"],
        "stablehlo": ["flatbuffers>=24"],
        "tpu": ["jax[tpu]>=0.10"],
        "video": ["av>=12"],
        "tensorboard": ["tensorboardX>=2.6"],
        "wandb": ["wandb>=0.20"],
        "test": [
            "dtaidistance>=2.3",
            "fastdtw>=0.3.4",
            "flatbuffers>=24",
            "lmdb>=1.4",
            "pyarrow>=17",
            "pyright>=1.1.400",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "ruff>=0.6",
            "sacrebleu>=2.4",
        ],
    },
)
