"""Pictures of generated images and of attention."""
