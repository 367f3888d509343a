"""CT geometry, lesion measurements, expressions and data sets."""
