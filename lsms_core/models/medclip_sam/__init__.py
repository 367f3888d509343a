"""MedCLIP-SAM: text-driven saliency from BiomedCLIP, turned into a mask by SAM.

T. Koleilat et al.: MedCLIP-SAM, MICCAI 2024 (arXiv 2403.20253), and MedCLIP-SAMv2
(arXiv 2409.19483).
"""
