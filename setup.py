"""Installs the library `sagan_tf` and its commands, `sagan-train` and so on."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "sagan_tf" / "version.py").read_text(), re.MULTILINE
).group(1)

setuptools.setup(
    name="sagan-tf",
    version=VERSION,
    description="Self-Attention GANs for TensorFlow 2 and Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9,<3.14",
    packages=setuptools.find_packages(include=["sagan_tf", "sagan_tf.*"]),
    package_data={
        "sagan_tf.data": ["bundled/*"],
        "sagan_tf.evaluation": ["bundled/*"],
        "sagan_tf.runs.pretrained": ["bundled/*"],
    },
    entry_points={
        "console_scripts": [
            "sagan-train = sagan_tf.commands.train:main",
            "sagan-evaluate = sagan_tf.commands.evaluate:main",
            "sagan-sample = sagan_tf.commands.sample:main",
            "sagan-export = sagan_tf.commands.export:main",
            "sagan-prepare-data = sagan_tf.commands.prepare_data:main",
            "sagan-experiment = sagan_tf.commands.experiment:main",
            "sagan-client = sagan_tf.commands.client:main",
        ]
    },
    install_requires=[
        # TensorFlow 2.15 brings Keras 2.15, all later ones Keras 3; docs/stacks.md.
        "tensorflow>=2.15.1,<3",
        "keras>=2.15,<4",
        "tensorflow-datasets>=4.9.3",
        "importlib_resources",  # tensorflow-datasets imports it without asking for it
        "tensorflow-serving-api>=2.15.1,<3",
        "tensorboard>=2.15",
        "absl-py>=2.1",
        "scipy>=1.11",
        "pillow>=10.1",
        "matplotlib>=3.8",
        "tqdm>=4.66",
    ],
    extras_require={
        "test": ["pytest>=8", "torch", "torchmetrics>=1.4", "prdc>=0.2"],
        "lint": ["ruff"],
    },
)
