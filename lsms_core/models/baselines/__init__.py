"""Baselines for LSMS, trained on the same samples by the same command."""
