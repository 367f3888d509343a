"""Measures parameters, multiplications, time and memory on this machine."""
