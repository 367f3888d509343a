"""Our implementation of LSMS (arXiv 2408.17347)."""
