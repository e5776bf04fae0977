"""Saves a grid of images from a model server or an export: `python export/client.py`."""

import os

import tensorflow as tf
from absl import flags

from sagan_tf import command_line, files, images
from sagan_tf.command_line import PATH
from sagan_tf.errors import UserError
from sagan_tf.serving import client, warmup

flags.DEFINE_string("grpc", None, "HOST:PORT of a model server")
flags.DEFINE_string("rest", None, "http://HOST:PORT of a model server")
flags.DEFINE(PATH, "local", None, "directory of an export, to generate without a server")
flags.DEFINE_string("model", warmup.MODEL_NAME, "name of the model on the server")
flags.DEFINE_integer("version", None, "version of the model; default: the newest")
flags.DEFINE_list("labels", [], "classes of the images, such as 0,1,2; none if unconditional")
flags.DEFINE_integer(
    "num_images", None, "number of images, for repeated labels; default: one a label"
)
flags.DEFINE_integer("seed", 0, "image i has seed + i")
flags.DEFINE_float("truncation", 1.0, "in (0, 1]; lower values give cleaner and less varied images")
flags.DEFINE_integer("columns", 10, "images in a row of the grid", lower_bound=1)
flags.DEFINE(PATH, "out", "grid.png", "PNG file to write")
flags.DEFINE_float("deadline", 30.0, "seconds to wait for an answer, with all retries")
flags.DEFINE_integer("retries", 4, "tries after the first", lower_bound=0)
FLAGS = flags.FLAGS


def run():
    """Generates the images and writes the grid."""
    try:
        labels = [int(label) for label in FLAGS.labels]
    except ValueError as error:
        raise UserError(f"labels={','.join(FLAGS.labels)} must be numbers") from error
    files.check_file_writable("out", FLAGS.out)
    inputs = client.request(labels, FLAGS.num_images, FLAGS.seed, FLAGS.truncation)
    generated = client.generate(_server(), inputs, FLAGS.deadline, FLAGS.retries)
    columns = min(FLAGS.columns, len(generated))
    tf.io.gfile.makedirs(os.path.dirname(FLAGS.out) or ".")
    images.save_png(FLAGS.out, images.image_grid(generated, columns))
    print(f"{len(generated)} images: {FLAGS.out}")


def _server():
    if sum(map(bool, (FLAGS.grpc, FLAGS.rest, FLAGS.local))) != 1:
        raise UserError("give exactly one of --grpc, --rest and --local")
    if FLAGS.local:
        return client.LocalExport(FLAGS.local, FLAGS.version)
    if FLAGS.rest:
        return client.RestServer(FLAGS.rest, FLAGS.model, FLAGS.version)
    return client.GrpcServer(FLAGS.grpc, FLAGS.model, FLAGS.version)


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
