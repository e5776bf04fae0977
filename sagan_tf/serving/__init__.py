"""TensorFlow Serving models of the generator: export, warm-up, model card, client."""
