"""Trains a Self-Attention GAN: `python train/main.py`; flags change the preset."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides TensorFlow's notes, not its exceptions

from sagan_tf.commands.train import main

if __name__ == "__main__":
    main()
