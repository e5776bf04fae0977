"""The generator as a TensorFlow Serving model: export, warm-up, model card, client."""
