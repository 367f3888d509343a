"""A cache of searches, keyed by their content: further texts about them need no model."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

from lsms_core.inference.candidates import CandidateSet
from lsms_core.inference.view import SliceView

# Searches of single slices are small; those of whole volumes are as large as the CT.
_MOST = 16
_MOST_BYTES = 1 << 30


class CandidateCache:
    """The last searches, as many as fit into a gigabyte; the last one always."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, CandidateSet] = OrderedDict()

    def get(self, key: Hashable) -> CandidateSet | None:
        """Return a search, None where it was never made or is forgotten."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, found: CandidateSet) -> None:
        """Remember a search."""
        self._kept[key] = found
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and (
            len(self._kept) > _MOST or sum(map(_bytes_of, self._kept.values())) > _MOST_BYTES
        ):
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


def content_key(view: SliceView, reach_mm: float) -> Hashable:
    """Return a key that changes with any voxel that a search of these slices looks at.

    Args:
        view: the slices.
        reach_mm: how far from a slice the model looks.
    """
    axis, count = view.plane.axis, view.plane.count(view.volume.shape)
    margin = int(np.ceil(reach_mm / view.plane.thickness_mm)) + 1
    place = [slice(None)] * 3
    place[axis] = slice(
        max(min(view.slices) - margin, 0), min(max(view.slices) + margin + 1, count)
    )
    part = np.ascontiguousarray(view.volume.array[tuple(place)])
    digest = hashlib.blake2b(part.reshape(-1).view(np.uint8).data, digest_size=20).digest()
    affine = view.volume.affine.tobytes()
    return digest, str(part.dtype), view.volume.shape, affine, axis, view.slices, view.flat


def _bytes_of(found: CandidateSet) -> int:
    arrays = [found.labels, found.probability, found.search.volume.array]
    if found.liver is not None:
        arrays += [found.liver.liver, found.liver.lobes, found.liver.segments]
    return sum(0 if array is None else int(array.nbytes) for array in arrays)
