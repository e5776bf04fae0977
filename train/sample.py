"""Plots pictures of a trained model: `python train/sample.py --run_dir=RUN --out=DIR`."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's notes, not its exceptions

from sagan_tf.commands.sample import main

if __name__ == "__main__":
    main()
