"""The names of the text-independent maps, in their order; without torch."""

KINDS = ("right lobe", "left lobe", "lesions")
LESIONS = KINDS.index("lesions")
LOBES = 2
