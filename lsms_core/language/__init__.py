"""Words and their meaning: Query, vocabulary, writing and reading."""
