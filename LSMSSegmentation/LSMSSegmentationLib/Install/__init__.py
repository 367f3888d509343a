"""Packages and models on this computer: what is missing, asked for once, and put in place."""
