"""Training configuration, module and run."""
