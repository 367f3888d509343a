"""Synthetic lesions in real livers, so that text and image vary independently."""
