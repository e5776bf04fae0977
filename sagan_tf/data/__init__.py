"""Images and labels on their way to the training step."""
