"""Runs, their results and corrections: the logic of Slicer's panel and of the browser page."""
