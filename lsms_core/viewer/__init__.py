"""A page in the browser: real Slicer views, and the same runs as Slicer's panel."""
