"""Exports one tiny model again and again, until it is killed: `... endless_exports DIRECTORY`.

Prints how many seconds the first export took, when it is done.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from sagan_tf import config
from sagan_tf.models import factory
from sagan_tf.serving.saved_model import export


def main(directory):
    tiny = config.get("fashion_mnist_32").replace(
        resolution=16, base_channels=4, latent_dim=4, attention_resolution=None
    )
    model = factory.build_model(tiny)
    begin = time.monotonic()
    export(model, directory)
    print(time.monotonic() - begin, flush=True)
    while True:
        export(model, directory)


if __name__ == "__main__":
    main(sys.argv[1])
