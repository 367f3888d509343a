"""The predictor and its steps, from a CT to answers."""
