"""Geometry, regions, measurements, lobes and segments of the liver, terminology."""
