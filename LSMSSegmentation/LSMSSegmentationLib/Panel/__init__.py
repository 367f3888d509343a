"""The module's panel: what the reader types, chooses and sees."""
