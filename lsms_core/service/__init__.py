"""An engine for several hosts: the worker's requests over an authenticated network service.

The client (``service_client``) needs only the standard library and NumPy, so that 3D Slicer can use
it; the server (``running``) needs the extra ``serve``. See ``docs/engine-server.md``.
"""
