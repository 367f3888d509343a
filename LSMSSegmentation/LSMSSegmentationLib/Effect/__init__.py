"""The text prompt inside Segment Editor."""
