"""Prompts and their meaning: the Query, the vocabulary, the reader and the writer."""
