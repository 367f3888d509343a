"""The networks, and the model bundles on disk."""
