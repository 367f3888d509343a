"""Builds a referring data set from images and lesion masks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from lsms_core.anatomy.geometry import CTVolume, SlicePlane
from lsms_core.anatomy.laterality import Side
from lsms_core.anatomy.measurements import SliceFindings, measure_slice
from lsms_core.anatomy.regions import LESION_LABEL, lesion_instances
from lsms_core.anatomy.sections import liver_height
from lsms_core.dataset.records import Record, write_records
from lsms_core.dataset.sources import Case
from lsms_core.errors import InputError, OutputError
from lsms_core.language.expression import Expression, named_by
from lsms_core.language.generator import ExpressionGenerator
from lsms_core.language.paraphrasing import ParaphraseGenerator
from lsms_core.language.query import Query
from lsms_core.language.writer import Split
from lsms_core.phantom.synthesis.two_sided import add_two_sided

Words = Split | Literal["paraphrases"]
Texts = ExpressionGenerator | ParaphraseGenerator

_TRIES = 3
# People type the singular for several, too, and mean all that fit.
_PLURAL_SHARE = 0.7


@dataclass(frozen=True)
class BuildingConfig:
    """How a data set is built; saved with it.

    Attributes:
        per_slice: expressions a slice; where both lobes have lesions, one more for each.
        clean_share: slices of liver without lesions, as a share of those with.
        no_target_share: how often an expression names nothing.
        split: words and templates to use: "train", "held-out" or "paraphrases".
        noise: rate of typing mistakes; paraphrases have a style of their own for them.
        seed: of everything.
        link: link the images instead of copying them.
        synthetic_every: add lesions to both lobes of one slice in this many, and speak about
            those slices only; None for the images as they are.
    """

    per_slice: int = 4
    clean_share: float = 0.3
    no_target_share: float = 0.25
    split: Words = "train"
    noise: float = 0.1
    seed: int = 0
    link: bool = False
    synthetic_every: int | None = None


def build_dataset(
    cases: Sequence[Case],
    output: str | Path,
    config: BuildingConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Record]:
    """Measure every lesion slice and write expressions about it.

    Lesions are the connected components of each axial slice, numbered within it; specks under
    12 mm2 are left out. Cases without outlined lesions are skipped, because their texts could be
    wrong.

    Args:
        cases: images and labels (0 background, 1 liver, 2 lesion).
        output: a folder that does not exist yet or is empty.
        config: how.
        progress: called with cases done and cases in all.

    Returns:
        The records, as written.

    Raises:
        InputError: when no case has a slice to speak about.
        OutputError: when the folder cannot be written or is in use.
    """
    config = config or BuildingConfig()
    folder = Path(output)
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty: choose another folder for the data set.")
    usable = [case for case in cases if case.lesions_labelled]
    try:
        for name in ("images", "labels", "livers"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        records: list[Record] = []
        for number, case in enumerate(usable):
            if progress:
                progress(number, len(usable))
            records += _build_case(case, folder, config, number)
        if progress:
            progress(len(usable), len(usable))
        if not records:
            raise InputError(
                "No slice of liver was found in these cases: check the labels."
                if not config.synthetic_every
                else "Lesions found no room on both sides of these livers: check the labels, or "
                "use a smaller distance of slices."
            )
        about = {"config": asdict(config), "cases": [c.name for c in usable]}
        (folder / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error}") from error
    # Last: a folder without records is no data set, so an interrupted build is not one either.
    write_records(folder, records)
    return records


def _build_case(case: Case, folder: Path, config: BuildingConfig, number: int) -> list[Record]:
    stored = sitk.ReadImage(str(case.image))
    image = CTVolume.from_sitk(stored)
    source = sitk.ReadImage(str(case.label))
    label = sitk.GetArrayFromImage(source)
    if label.shape != image.shape:
        raise InputError(
            f"The label of {case.name} has shape {label.shape}, its image {image.shape}: "
            "export both on the same grid."
        )
    plane = SlicePlane.of(image, "axial")
    rng = np.random.default_rng((config.seed, number))
    label_path = folder / "labels" / f"{case.name}.nii.gz"
    if config.synthetic_every:
        hu, label, chosen = add_two_sided(image, label, config.synthetic_every, rng)
        if not chosen:
            return []
        image = image.with_array(hu)
        instances, _ = _choose_slices(label, plane, config, rng)
        image_path = folder / "images" / f"{case.name}.nii.gz"
        _write(hu, stored, image_path)
    else:
        instances, chosen = _choose_slices(label, plane, config, rng)
        image_path = _place(case.image, folder / "images", case.name, config.link)
    _write(instances, source, label_path)
    liver_path = folder / "livers" / f"{case.name}.nii.gz"
    _write((label > 0).astype(np.uint8), source, liver_path)
    generator = _texts(config)
    areas = np.count_nonzero(plane.stack(label) > 0, axis=(1, 2))
    if plane.reverse_stack:
        areas = areas[::-1]
    records = []
    for index in chosen:
        level = len(areas) - 1 - index if plane.reverse_stack else index
        findings = measure_slice(
            plane.extract(image.array, index),
            plane.extract(label, index) > 0,
            plane.extract(instances, index),
            plane.spacing_mm,
            liver_height(areas, level),
        )
        for turn, expression in enumerate(_express(findings, generator, config, rng), 1):
            records.append(
                Record(
                    id=f"{case.name}_{index:04d}_{turn}",
                    image=f"images/{image_path.name}",
                    label=f"labels/{label_path.name}",
                    axis=plane.axis,
                    slice=index,
                    text=expression.text,
                    instances=expression.instances,
                    attributes={
                        **expression.attributes,
                        "kind": expression.kind,
                        "case": case.name,
                        "patient": case.group,
                        "liver": f"livers/{liver_path.name}",
                        **({"synthetic": True} if config.synthetic_every else {}),
                    },
                )
            )
    return records


def _write(array: NDArray[Any], grid: sitk.Image, path: Path) -> None:
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(grid)
    sitk.WriteImage(image, str(path), useCompression=True)


def _choose_slices(
    label: NDArray[Any], plane: SlicePlane, config: BuildingConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int16], list[int]]:
    """Return the lesions numbered within each slice, and the slices to speak about."""
    instances: NDArray[np.int16] = np.zeros(label.shape, np.int16)
    with_lesions: list[int] = []
    clean: list[int] = []
    for index in range(plane.count(label.shape)):
        labels = plane.extract(label, index)
        if not (labels > 0).any():
            continue
        found = lesion_instances(labels == LESION_LABEL, plane.spacing_mm)
        plane.restore_into(instances, index, found.astype(np.int16))
        # A slice that holds nothing but specks is neither clean nor worth a word.
        if found.any():
            with_lesions.append(index)
        elif not (labels == LESION_LABEL).any():
            clean.append(index)
    wanted = min(len(clean), max(round(config.clean_share * len(with_lesions)), 2))
    return instances, sorted([*with_lesions, *rng.choice(clean, wanted, replace=False).tolist()])


def _texts(config: BuildingConfig) -> Texts:
    if config.split == "paraphrases":
        return ParaphraseGenerator()
    return ExpressionGenerator(config.split, noise=config.noise)


def _express(
    findings: SliceFindings,
    generator: Texts,
    config: BuildingConfig,
    rng: np.random.Generator,
) -> list[Expression]:
    """Draw a slice's expressions, all with different texts; a pair of sides comes last."""
    found: dict[str, Expression] = {}
    for _ in range(config.per_slice * _TRIES):
        if len(found) == config.per_slice:
            break
        expression = generator.sample(findings, rng, config.no_target_share)
        if expression.text.strip():
            found.setdefault(expression.text, expression)
    # A source of chance of its own: whether a slice has a pair changes no other text.
    chance = np.random.default_rng(rng.integers(2**31))
    for pair in side_pair(findings):
        for _ in range(_TRIES * _TRIES):
            plural = len(pair.instances) > 1 and bool(chance.random() < _PLURAL_SHARE)
            query = Query(sides=(pair.side,))
            text = generator.write(query, plural, chance)
            if text not in found:
                facts: dict[str, Any] = {"pair": True}
                if config.split == "paraphrases":
                    facts["style"] = "laterality"
                found[text] = Expression(text, pair.instances, "attribute", query, facts)
                break
    return list(found.values())


@dataclass(frozen=True)
class LobeLesions:
    """The lesions of one lobe in a slice."""

    side: Side
    instances: tuple[int, ...]


def side_pair(findings: SliceFindings) -> tuple[LobeLesions, ...]:
    """Return the lesions of the left and of the right lobe, in this order.

    Empty unless both lobes have some and the side of every lesion in the slice is clear.
    """
    sides: tuple[Side, Side] = ("left", "right")
    named = [named_by(findings.lesions, Query(sides=(side,))) for side in sides]
    if not all(named):
        return ()
    return tuple(LobeLesions(s, n or ()) for s, n in zip(sides, named, strict=True))


def _place(source: Path, folder: Path, name: str, link: bool) -> Path:
    suffix = "".join(source.suffixes[-2:]) if source.suffix == ".gz" else source.suffix
    target = folder / f"{name}{suffix}"
    if link:
        target.symlink_to(source.resolve())
    else:
        shutil.copyfile(source, target)
    return target
