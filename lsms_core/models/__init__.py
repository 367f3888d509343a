"""The engines and their bundles."""
