"""What the text-independent maps show, in the order of the maps; free of torch."""

KINDS = ("right lobe", "left lobe", "lesions")
LESIONS = KINDS.index("lesions")
LOBES = 2
