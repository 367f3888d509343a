"""A persistent child process that holds the model.

An out-of-memory error or a crash of the GPU driver ends the child, never the
host (3D Slicer, say). The client needs only the standard library and numpy.
The protocol is described in ``docs/worker-protocol.md``.
"""
