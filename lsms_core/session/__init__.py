"""Runs, what became of them, and changes to them: the same in Slicer's panel and in the browser."""
