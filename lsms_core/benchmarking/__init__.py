"""What LSMS costs: parameters, multiplications, time and memory, measured on this machine."""
