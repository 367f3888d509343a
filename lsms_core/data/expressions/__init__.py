"""Expressions from measurements: what a radiologist would type for these lesions."""
