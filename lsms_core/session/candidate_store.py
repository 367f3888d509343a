"""Keeps the candidates of the last searches: further texts about them need no worker."""

from collections import OrderedDict
from dataclasses import replace

# A search of a whole volume is as large as its CT.
_MOST_SEARCHES = 3
_MOST_CUTS = 4


class CandidateStore:
    """Keeps CandidateSets by what was searched; no Qt.

    A key holds the volume's content and place, the slices, and the model or the segmentation that
    the lesions come from.
    """

    def __init__(self):
        self._searches = OrderedDict()
        self._ahead = {}
        self._cuts = OrderedDict()

    def get(self, key):
        """Return the candidates of a search, None where it was never made or is forgotten."""
        found = self._searches.get(key)
        if found is not None:
            self._searches.move_to_end(key)
        return self._ahead.get(key) if found is None else found

    def put(self, key, candidates):
        self._ahead.pop(key, None)
        self._searches[key] = candidates
        self._searches.move_to_end(key)
        while len(self._searches) > _MOST_SEARCHES:
            self._searches.popitem(last=False)
        self._forgetCuts()

    def putAhead(self, key, candidates):
        """Keep a search that no run has asked for yet, in the place of the one before."""
        self._ahead = {key: candidates}
        self._forgetCuts()

    def asked(self, key):
        """A run asks for a search: now it counts as one of those that are kept."""
        if key in self._ahead:
            self.put(key, self._ahead[key])

    def _forgetCuts(self):
        kept = {id(found) for found in (*self._searches.values(), *self._ahead.values())}
        self._cuts = OrderedDict((k, v) for k, v in self._cuts.items() if k[0] in kept)

    def cut(self, key, threshold=None, keepLargest=None, minimumArea=None):
        """Return a search's candidates with other cut settings; each set is measured once.

        Args:
            key: of a search that is kept.
            threshold: None for the model's own.
            keepLargest: None for the model's own way.
            minimumArea: mm2; None for the model's own.
        """
        found = self.get(key)
        if found is None or found.probability is None:
            return found
        way = (id(found), threshold, keepLargest, minimumArea)
        if way not in self._cuts:
            self._cuts[way] = _cut(found, threshold, keepLargest, minimumArea)
            while len(self._cuts) > _MOST_CUTS:
                self._cuts.popitem(last=False)
        return self._cuts[way]

    def latest(self, volumeKey):
        """Return the candidates of a volume's last search, as they were cut last; None for none."""
        for key in reversed(self._searches):
            if key[0] == volumeKey:
                found = self._searches[key]
                cuts = [cut for way, cut in self._cuts.items() if way[0] == id(found)]
                return cuts[-1] if cuts else found
        return None

    def liver(self, volumeKey):
        """Return the liver that a search of all slices of a volume found, None for none."""
        for key, found in reversed(self._searches.items()):
            if key[0] == volumeKey and key[2] is None and found.liver is not None:
                return found.liver
        return None

    def clear(self):
        self._searches.clear()
        self._ahead.clear()
        self._cuts.clear()


def _cut(found, threshold, keepLargest, minimumArea):
    cut = found.at_threshold(threshold, keep_largest=keepLargest, min_area_mm2=minimumArea)
    if cut is not found and cut.labels is found.labels:
        cut = replace(cut)
        cut.__dict__["lesions"] = found.lesions  # the same lesions are not measured again
    return cut


def searchKey(request, volumeKey):
    """Return the key of a search."""
    if request.lesionsFrom is not None:
        node = request.lesionsFrom
        source = ("segmentation", node.GetID(), _contentTime(node))
    else:
        source = tuple(str(request.model.get(n)) for n in ("weights", "engine", "device"))
    slices = request.slices and tuple(request.slices)
    return (volumeKey, str(request.plane), slices, source)


def _contentTime(node):
    """Return a number that changes with any segment's voxels, name or terminology."""
    inner = node.GetSegmentation()
    times = [inner.GetMTime(), node.GetMTime()]
    for index in range(inner.GetNumberOfSegments()):
        segment = inner.GetNthSegment(index)
        times.append(segment.GetMTime())
        labelmap = segment.GetRepresentation("Binary labelmap")
        if labelmap is not None:
            times.append(labelmap.GetMTime())
    transform = node.GetParentTransformNode()
    if transform is not None:
        times.append(transform.GetMTime())
    return max(times)


def looksForOneText(model):
    """Whether a model's engine looks for one text at a time and knows no candidates."""
    from lsms_core.errors import LsmsError
    from lsms_core.models.installed import inspect_bundle

    engine = model.get("engine")
    if not engine:
        try:
            engine = inspect_bundle(model["weights"], verify=False).engine
        except LsmsError:
            return False  # the worker says what is wrong with it
    return engine == "medclip-sam"
