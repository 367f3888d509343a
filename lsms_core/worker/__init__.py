"""A persistent child process that holds the model; the client needs only numpy."""
