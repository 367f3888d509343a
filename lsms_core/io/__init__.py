"""Reading and writing medical images."""
