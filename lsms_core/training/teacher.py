"""A trained network that draws the lesions of a run's cases, looking at them as in answers.

It sees a case on the grid, with the neighbours, the votes and the margin around the liver of its
own answers; what it draws is brought onto the grid of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume
from lsms_core.dataset.preprocessing import PreprocessingConfig
from lsms_core.dataset.sources import Case, case_grid
from lsms_core.errors import InputError
from lsms_core.inference.engine import Engine, EngineOptions, open_engine
from lsms_core.inference.maps import SliceMaps
from lsms_core.inference.view import SliceView
from lsms_core.models.installed import inspect_bundle
from lsms_core.models.lsms.kinds import LESIONS


@dataclass(frozen=True)
class Teacher:
    """A network that draws lobes and lesions without words.

    Attributes:
        engine: the network.
        looks: how slices reach it in answers.
    """

    engine: Engine
    looks: PreprocessingConfig

    @classmethod
    def opened(cls, bundle: str | Path) -> Teacher:
        """Open a bundle on the CPU.

        Raises:
            BundleError: when it cannot be read.
            InputError: when it draws nothing without words.
        """
        info = inspect_bundle(bundle)
        engine = open_engine(info, options=EngineOptions("cpu"))
        if not engine.text_free:
            raise InputError(
                f"The network {bundle} draws no lesions without words: choose one that was "
                "trained with text_free."
            )
        return cls(engine, PreprocessingConfig.from_dict(info.preprocessing))

    def lesions(
        self, case: Case, levels: Sequence[int], grid: PreprocessingConfig
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield slices of a case with the (H, W) probability of a lesion, on the run's grid.

        Args:
            case: its files are read.
            levels: of the slices, counted from inferior to superior as in
                :class:`lsms_core.dataset.sources.CaseArrays`; they come in the order of the file.
            grid: of the run.
        """
        image = CTVolume.from_sitk(sitk.ReadImage(str(case.image)))
        view = SliceView.of(image, "axial", None, None)
        maps = SliceMaps(self.engine, view, self.looks)
        place = case_grid(view.plane.stack(image.array), view.plane, grid)
        last = len(view.slices) - 1
        upwards = {last - level if view.plane.reverse_stack else level: level for level in levels}
        for index in sorted(upwards):
            (found,) = maps.text_free([index])
            drawn = maps.restored(index, found[LESIONS])
            yield upwards[index], place.to_grid(drawn, fill=0.0)
