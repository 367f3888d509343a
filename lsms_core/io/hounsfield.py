"""Checks that values are Hounsfield units, by the shares of air, fat and soft tissue.

Some exporters lose the rescale intercept (HU + 1024, with or without padding below zero), apply it
twice, store the values unsigned, or invert them. The shares of air and soft tissue remain the same,
at other values. Where undoing one of these errors gives plausible shares, it is undone, with a
note. All other implausible values give a note only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsms_core.errors import InputError

# A CT spans hundreds of HU; label maps and images scaled to 0..1 do not.
_SMALLEST_RANGE_HU = 32.0
# Fat and air reach further below zero than this share of the highest value, even in a CT that
# was cut to a window; resampled MR does not.
_LEAST_SHARE = 0.1
_SAMPLES = 400_000
# Fewer values are not enough for this check.
_ENOUGH = 2_000
# What exporters add: the intercept's opposite, the middle of 16 bits, or both.
_SHIFTS = (1024, 1000, 32768, 31744, 31768, 8192, 7168, 4096, 3072, 2048, -1024, -1000, -2048)
# No body has more bone and metal than this, nor less soft tissue and fat, as shares.
_MOST_BONE = 0.2
_LEAST_TISSUE = 0.08
_LEAST_AIR = 0.04
# Between air and fat there is only lung.
_MOST_BETWEEN = 0.45


@dataclass(frozen=True)
class ValueHint:
    """What a file's header says about its values.

    Attributes:
        negative: it says that low values are shown bright (MONOCHROME1).
        stored_sum: what a stored value and its negative add up to, in HU; None where unknown.
    """

    negative: bool = False
    stored_sum: float | None = None


def check_values(
    array: NDArray[Any], path: Path, hint: ValueHint | None = None
) -> tuple[NDArray[Any], list[str]]:
    """Refuse images that cannot be a CT; correct a clear shift or inversion.

    Args:
        array: (slices, rows, columns).
        path: for messages.
        hint: what the file says of its values.

    Returns:
        HU, the same array where nothing was to be done, and notes for the user.

    Raises:
        InputError: for values that are missing, all equal, or far too close together.
    """
    low, high = _range(array, path)
    hint = hint or ValueHint()
    # Padding far below everything may be air after a shift, so both views are kept.
    everything = _sample(array)
    sample = _without_padding(everything) if everything.size >= _ENOUGH else everything
    views = (everything, sample)
    notes: list[str] = []
    if any(_fits(view, 0.0) for view in views):
        if hint.negative:
            notes.append(
                "The images are marked to be shown in negative (MONOCHROME1); their values are "
                "Hounsfield units as stored and were not turned over."
            )
        return array, notes + (_narrow(low, high) or _bright_around(array))
    edge, middle = _edge_and_middle(array)
    # Around a body there is air, which is never brighter than it.
    negative = edge is not None and middle is not None and edge - middle >= 600
    shift = None if negative else _find_shift(views)
    if shift is not None:
        notes.append(
            f"The values are Hounsfield units {'+' if shift > 0 else '-'} {abs(shift)} (air, fat "
            f"and soft tissue lie there): {abs(shift)} was "
            f"{'subtracted' if shift > 0 else 'added'}."
        )
        return _moved(array, 1, -shift), notes
    total = _find_negative(everything, hint) if negative else None
    if total is not None:
        notes.append(
            "The values are turned over, as in a negative (air is bright and bone dark): they "
            f"were taken as {total:g} minus the stored value."
        )
        return _moved(array, -1, total), notes
    if hint.negative:
        notes.append(
            "The images are marked to be shown in negative (MONOCHROME1); their values were not "
            "turned over. Check that air is dark."
        )
    return array, notes + (_dense(sample) or _narrow(low, high))


def _bright_around(array: NDArray[Any]) -> list[str]:
    """Note surroundings that are brighter than the body, in values cut too far to be mended."""
    edge, middle = _edge_and_middle(array)
    if edge is None or middle is None or edge < 120 or edge - middle < 120:
        return []
    return [
        f"The picture's borders are brighter ({edge:.0f}) than its middle ({middle:.0f}), as in a "
        "negative; the values may be turned over. Check that air is dark."
    ]


def _edge_and_middle(array: NDArray[Any]) -> tuple[float | None, float | None]:
    """Return the medians of a volume's borders and of its middle."""
    rows, columns = array.shape[1:]
    edge = np.concatenate([array[:, [0, -1]].ravel()[::7], array[:, :, [0, -1]].ravel()[::7]])
    middle = array[:, rows // 3 : rows - rows // 3, columns // 3 : columns - columns // 3]
    medians = []
    for part in (edge, middle.ravel()[::7]):
        finite = part[np.isfinite(part)]
        medians.append(float(np.median(finite)) if finite.size else None)
    return medians[0], medians[1]


def _range(array: NDArray[Any], path: Path) -> tuple[float, float]:
    if array.dtype.kind == "f":
        low, high, some = np.inf, -np.inf, False
        for part in array:
            finite = part[np.isfinite(part)]
            if finite.size:
                some = True
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if not some:
            raise InputError(f"{path} holds no numbers (only NaN): export the CT again.")
    else:
        low, high = float(array.min()), float(array.max())
    if low == high:
        raise InputError(
            f"{path} is empty: every voxel has the value {low:g}. Export the CT again."
        )
    if high - low <= _SMALLEST_RANGE_HU:
        raise InputError(
            f"{path} is not a CT in Hounsfield units: its values lie between {low:g} and "
            f"{high:g}. Give the CT itself, not a label map or a rescaled image."
        )
    return low, high


def _sample(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return some of the values, without those that are no number."""
    step = max(1, round((array.size / _SAMPLES) ** (1 / 3)))
    depth = max(1, min(step, len(array) // 8 or 1))
    values = array[depth // 2 :: depth, step // 2 :: step, step // 2 :: step]
    values = values.astype(np.float64).ravel()
    return values[np.isfinite(values)]


def _without_padding(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the lowest value where it stands alone, far below all others: no tissue is so even."""
    for _ in range(2):
        lowest = values.min()
        others = values[values > lowest]
        if others.size < values.size / 50 or others.size < 64:
            break
        # Air around the patient is noisy, or at least a step of many like it away.
        if np.percentile(others, 0.5) - lowest < 400 and lowest > -1500:
            break
        if np.percentile(others, 0.5) - lowest < 100:
            break
        rest = others if _plausible_air(others, lowest) else values
        if rest is values:
            break
        values = rest
    return values


def _plausible_air(others: NDArray[np.float64], lowest: float) -> bool:
    """Tell whether values without the lowest still hold air, so that the lowest is padding."""
    spread = float(np.percentile(others, 99) - np.percentile(others, 1))
    return spread > 700 or lowest < -1500


def _share(values: NDArray[np.float64], low: float, high: float) -> float:
    return float(np.mean((values >= low) & (values <= high)))


def _fits(values: NDArray[np.float64], shift: float, air: bool = False) -> bool:
    """Tell whether values minus ``shift`` are spread as in a CT of a body."""
    if values.size == 0:
        return False
    body = values[values > shift - 850]
    if body.size < 0.02 * values.size:
        return False
    tissue = _share(body, shift - 200, shift + 300)
    dense = float(np.mean(body > shift + 600))
    if tissue < _LEAST_TISSUE or dense > _MOST_BONE or dense > tissue:
        return False
    # Nothing is thinner than air.
    if float(np.mean(values < shift - 1150)) > (0.02 if air else 0.05):
        return False
    if not air:
        return True
    between = _share(values, shift - 850, shift - 200)
    return _share(values, shift - 1060, shift - 850) >= _LEAST_AIR and between <= _MOST_BETWEEN


def _find_shift(views: Sequence[NDArray[np.float64]]) -> int | None:
    """Return what was added to HU, None where nothing clear was."""
    values = next(
        (v for v in views if v.size >= _ENOUGH and any(_fits(v, s, air=True) for s in _SHIFTS)),
        None,
    )
    if values is None:
        return None
    fitting = [s for s in _SHIFTS if _fits(values, s, air=True)]

    def distance(shift: int) -> float:
        near = values[(values >= shift - 1060) & (values <= shift - 850)]
        floor = near.min()
        # Values that were cut off at the lowest one do not show where air is.
        free = near[near > floor]
        centre = float(np.median(free if free.size >= 0.2 * near.size else near))
        return abs(centre - (shift - 1000))

    return min(fitting, key=distance)


def _find_negative(values: NDArray[np.float64], hint: ValueHint) -> float | None:
    """Return what a value and its HU add up to, None where that is not clear."""
    if values.size < _ENOUGH:
        return None
    totals = [hint.stored_sum] if hint.stored_sum is not None else []
    totals += [0.0, -1.0, 2047.0, 3071.0, 4095.0, -2049.0, 1024.0]
    for total in totals:
        turned = _without_padding(total - values)
        air = turned[turned < -850]
        if _fits(turned, 0.0, air=True) and abs(float(np.median(air)) + 1000) < 40:
            return float(total)
    return None


def _moved(array: NDArray[Any], sign: int, offset: float) -> NDArray[Any]:
    """Return sign * array + offset, as int16 where that is exact, slice by slice."""
    exact = array.dtype.kind in "iu" and float(offset).is_integer()
    if exact:
        ends = sorted(sign * int(v) + int(offset) for v in (array.min(), array.max()))
        # Padding may leave int16; as air it is still air.
        exact = ends[0] >= -40_000 and ends[1] <= 32_767
    out: NDArray[Any] = np.empty(array.shape, np.int16 if exact else np.float32)
    for n, part in enumerate(array):
        moved = sign * part.astype(np.int64 if exact else np.float64) + offset
        out[n] = np.maximum(moved, -32_768) if exact else moved
    return out


def _dense(values: NDArray[np.float64]) -> list[str]:
    """Note values most of which would be bone or metal, or air and nothing else."""
    if values.size < _ENOUGH:
        return []
    body = values[values > -850]
    if body.size >= 0.02 * values.size and float(np.mean(body > 600)) > 0.5:
        return [
            f"Most values lie above 600 (the median is {np.median(body):.0f}), where a CT has only "
            "bone, so they are probably not Hounsfield units; the result means little. Export "
            "the CT with its rescale slope and intercept."
        ]
    if float(np.mean(values < -1150)) > 0.05:
        return [
            f"Many values lie below -1150 (down to {values.min():.0f}), where a CT has nothing, so "
            "they are probably not Hounsfield units; the result means little."
        ]
    if body.size < 0.02 * values.size:
        return [
            "Nearly all values lie below -850, where a CT has only air, so they are probably not "
            "Hounsfield units; the result means little."
        ]
    return []


def _narrow(low: float, high: float) -> list[str]:
    # For images without negative values the predictor gives a note.
    if low < 0 and -low < _LEAST_SHARE * high:
        return [
            f"The image's values lie between {low:g} and {high:g}, though a CT holds fat and air, "
            "so it is probably not in Hounsfield units; the result means little."
        ]
    return []
