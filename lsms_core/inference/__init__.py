"""Predictor, volume runs and post-processing."""
