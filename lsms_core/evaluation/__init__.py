"""Metrics, text tests and the report."""
