"""Pictures of what a model draws and where it looks."""
