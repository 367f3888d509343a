"""Records, sources, sampling, augmentation, preprocessing and import of training data."""
