"""What LSMS has to beat: trained on the same samples, by the same command."""
