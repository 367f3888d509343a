"""Volume nodes to arrays and masks to segments, without Qt and without torch."""
