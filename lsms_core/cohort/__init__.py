"""Many studies: found, answered in parallel, resumable, with one table of results."""
