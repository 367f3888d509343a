"""The synthetic CT: anatomy in its place, lesions as ordered, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsms_core.anatomy.geometry import SlicePlane
from lsms_core.anatomy.laterality import midline_column
from lsms_core.anatomy.measurements import measure_slice
from lsms_core.errors import InputError
from lsms_core.phantom import (
    PORTAL_VENOUS_HU,
    SMALL_SHAPE,
    Organ,
    PlacedLesion,
    make_phantom,
)
from lsms_core.phantom.noise import scanner_noise, smooth_noise
from lsms_core.phantom.shapes import capsule, common, curve, ellipsoid, union, without
from lsms_core.phantom.synthesis.spec import LesionSpec

pytestmark = pytest.mark.slow

TINY = (14, 64, 88)
WANTED = [
    PlacedLesion("left", LesionSpec(26.0, -50.0, irregularity=0.1), inner=True),
    PlacedLesion("right", LesionSpec(36.0, -55.0, irregularity=0.1), inner=True),
    PlacedLesion("right", LesionSpec(20.0, appearance="cystic", fluid_hu=6.0, blur_mm=0.6)),
]


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(0, lesions=WANTED, shape=SMALL_SHAPE)


def centre_ras(volume, mask):
    k, j, i = (c.mean() for c in np.nonzero(mask))
    return (volume.affine @ (i, j, k, 1.0))[:3]


def core(mask):
    """Voxels whose neighbours in the slice and across all belong to the mask, too."""
    inner = mask.copy()
    for axis in range(3):
        inner &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return inner


def test_the_same_seed_gives_the_same_phantom_to_the_last_voxel():
    first, second = (make_phantom(5, shape=TINY) for _ in range(2))
    assert np.array_equal(first.ct.array, second.ct.array)
    assert np.array_equal(first.ct.affine, second.ct.affine)
    assert np.array_equal(first.instances, second.instances)
    assert np.array_equal(first.organs, second.organs)
    assert first.lesions == second.lesions


def test_other_seeds_give_other_bodies_livers_and_lesions():
    made = [make_phantom(seed, shape=TINY) for seed in range(4)]
    volumes = [p.liver.sum() * np.prod(p.ct.spacing_mm) / 1000 for p in made]
    assert all(800 < v < 2500 for v in volumes), volumes  # adults: about 1 to 2 litres
    assert len({round(v) for v in volumes}) == 4
    assert len({p.ct.spacing_mm for p in made}) == 4  # the body fills the field of view
    assert len({p.lesions for p in made}) == 4
    assert all(len(p.lesions) <= 4 for p in made)


def test_arrays_and_orientation(phantom):
    ct = phantom.ct
    assert ct.array.dtype == np.int16
    assert ct.shape == SMALL_SHAPE == phantom.liver.shape == phantom.instances.shape
    assert phantom.liver.dtype == np.bool_
    assert phantom.instances.dtype == np.int32
    plane = SlicePlane.of(ct, "axial")
    assert plane.axis == 0
    turned = (plane.transpose, plane.flip_rows, plane.flip_columns, plane.reverse_stack)
    assert turned == (False, False, False, False)


@pytest.mark.parametrize("seed", range(8))
def test_the_body_lies_inside_the_image(seed):
    phantom = make_phantom(seed, lesions=0, shape=TINY)
    body = phantom.organs != Organ.AIR
    edges = [body[:, 0], body[:, -1], body[:, :, 0], body[:, :, -1]]
    assert not any(edge.any() for edge in edges)
    assert np.median(phantom.ct.array[~body]) < -950


def test_organs_are_where_anatomy_has_them(phantom):
    at = {o: centre_ras(phantom.ct, phantom.organs == o) for o in Organ if o != Organ.AIR}
    right, front, up = range(3)
    for organ in (Organ.LIVER, Organ.GALLBLADDER, Organ.RIGHT_KIDNEY, Organ.VENA_CAVA):
        assert at[organ][right] > 10, organ
    for organ in (Organ.SPLEEN, Organ.STOMACH, Organ.LEFT_KIDNEY):
        assert at[organ][right] < -10, organ
    assert at[Organ.AORTA][right] < at[Organ.VENA_CAVA][right]
    assert at[Organ.AORTA][front] > at[Organ.SPINAL_CANAL][front]
    assert at[Organ.STOMACH][front] > at[Organ.SPLEEN][front]
    assert at[Organ.LUNG][up] > at[Organ.LIVER][up] > at[Organ.BOWEL][up]
    assert at[Organ.HEART][up] > at[Organ.RIGHT_KIDNEY][up]
    assert abs(at[Organ.SPINAL_CANAL][right]) < 8


@pytest.mark.parametrize(
    ("organ", "tolerance"),
    [
        (Organ.LIVER, 16),
        (Organ.SPLEEN, 8),
        (Organ.AORTA, 10),
        (Organ.MUSCLE, 12),
        (Organ.FAT, 8),
        (Organ.LUNG, 60),
        (Organ.RIGHT_KIDNEY, 30),
        (Organ.LEFT_KIDNEY, 30),
        (Organ.GALLBLADDER, 12),
    ],
)
def test_attenuation_is_that_of_the_portal_venous_phase(phantom, organ, tolerance):
    mask = core((phantom.organs == organ) & (phantom.instances == 0))
    assert mask.sum() > 20
    median = float(np.median(phantom.ct.array[mask]))
    assert median == pytest.approx(PORTAL_VENOUS_HU[organ], abs=tolerance)


def test_bone_is_bright_and_the_stomach_holds_gas_above_fluid(phantom):
    hu = phantom.ct.array
    assert np.median(hu[phantom.organs == Organ.BONE]) > 170
    stomach = core(phantom.organs == Organ.STOMACH)
    gas, fluid = stomach & (hu < -700), stomach & (np.abs(hu - 20) < 40)
    assert gas.sum() > 20
    assert fluid.sum() > 20
    assert centre_ras(phantom.ct, gas)[1] > centre_ras(phantom.ct, fluid)[1]


def test_veins_stand_out_of_the_parenchyma(phantom):
    healthy = core(phantom.liver) & (phantom.instances == 0)
    values = phantom.ct.array[healthy].astype(float)
    deviation = np.median(np.abs(values - np.median(values))) * 1.4826
    assert 6 < deviation < 25
    # Noise alone would leave one voxel in 700 beyond three deviations.
    assert np.mean(values > np.median(values) + 3 * deviation) > 0.01


def test_every_lesion_is_in_the_liver_and_on_its_side_in_every_slice(phantom):
    ct = phantom.ct
    assert [truth.instance for truth in phantom.lesions] == [1, 2, 3]
    assert not (phantom.instances[~phantom.liver] > 0).any()
    column_mm, row_mm, _ = ct.spacing_mm
    for truth, wanted in zip(phantom.lesions, WANTED, strict=True):
        mask = phantom.instances == truth.instance
        assert truth.side == wanted.side
        assert truth.centre_ras == pytest.approx(centre_ras(ct, mask), abs=0.1)
        for index in np.flatnonzero(mask.any(axis=(1, 2))):
            findings = measure_slice(
                ct.array[index], phantom.liver[index], phantom.instances[index], (row_mm, column_mm)
            )
            sides = next(m.sides for m in findings.lesions if m.number == truth.instance)
            assert wanted.side in (*sides, None)
    left, right, _ = (truth.centre_ras[0] for truth in phantom.lesions)
    assert left < right  # coordinates rise to the patient's right
    spine = midline_column(ct.array[phantom.lesions[1].slice_index], (row_mm, column_mm))
    columns = np.nonzero(phantom.instances == 2)[2]
    assert columns.max() < spine


def test_lesions_are_described_as_they_were_ordered(phantom):
    for truth, wanted in zip(phantom.lesions, WANTED, strict=True):
        assert truth.spec == wanted.spec
        assert 0.75 < truth.longest_mm / wanted.spec.diameter_mm < 1.6
        mask = phantom.instances == truth.instance
        assert mask[truth.slice_index].any()
        voxel_ml = np.prod(phantom.ct.spacing_mm) / 1000
        assert truth.volume_ml == pytest.approx(mask.sum() * voxel_ml)
        assert phantom.ct.array[truth.slice_index][mask[truth.slice_index]].mean() == pytest.approx(
            truth.mean_hu, abs=0.5
        )
    assert [t.attenuation for t in phantom.lesions[:2]] == ["hypodense", "hypodense"]
    assert phantom.lesions[0].contrast_hu == pytest.approx(-50, abs=15)
    assert phantom.lesions[2].mean_hu < 45  # with partial volume at its border


def test_none_a_number_or_a_list_of_lesions():
    assert make_phantom(1, lesions=0, shape=TINY).lesions == ()
    assert not make_phantom(1, lesions=0, shape=TINY).instances.any()
    drawn = make_phantom(1, lesions=2, shape=TINY)
    assert len(drawn.lesions) == len(np.unique(drawn.instances)) - 1 <= 2


def test_lesions_change_nothing_but_their_surroundings():
    plain = make_phantom(2, lesions=0, shape=TINY)
    with_one = make_phantom(2, lesions=[PlacedLesion("right", LesionSpec(30.0))], shape=TINY)
    assert np.array_equal(plain.liver, with_one.liver)
    changed = plain.ct.array != with_one.ct.array
    assert changed.any()
    assert not changed[~plain.liver].any()


def test_the_grid_can_be_chosen():
    phantom = make_phantom(0, shape=TINY, spacing_mm=(8.0, 5.0, 4.5), lesions=0)
    assert phantom.ct.spacing_mm == pytest.approx((4.5, 5.0, 8.0))


def test_noise_can_be_chosen():
    spread = []
    for noise in (0.0, 30.0):
        phantom = make_phantom(0, shape=TINY, noise_hu=noise, lesions=0)
        spread.append(phantom.ct.array[core(phantom.organs == Organ.SPLEEN)].std())
    assert spread[0] < 8
    assert spread[1] > 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "use 0 or more"),
        ({"shape": (2, 64, 88)}, "too small"),
        ({"shape": (4000, 4000, 4000)}, "does not fit"),
        ({"shape": TINY, "spacing_mm": (1.0, 0.0, 1.0)}, "three lengths"),
        ({"shape": TINY, "noise_hu": -1.0}, "0 to 200"),
        (
            {"shape": TINY, "lesions": [PlacedLesion("left", LesionSpec(190.0))]},
            "No place for a 190 mm lesion in the left lobe",
        ),
        (
            {"shape": (3, 48, 64), "spacing_mm": (1.0, 0.5, 0.5), "lesions": [PlacedLesion()]},
            "shows no liver|No place",
        ),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        make_phantom(**arguments)


def test_smooth_noise_has_mean_0_and_deviation_1():
    axes = tuple(np.linspace(0, 300, n, dtype=np.float32) for n in (40, 60, 50))
    field = smooth_noise(axes, 12.0, np.random.default_rng(0))
    assert field.shape == (40, 60, 50)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1, abs=0.06)
    assert np.abs(np.diff(field, axis=1)).max() < 2.5


def test_scanner_noise_has_its_deviation_and_little_slow_noise():
    noise = scanner_noise((12, 128, 128), 12.0, np.random.default_rng(0))
    assert noise.std() == pytest.approx(12.0, rel=0.01)
    block_means = noise.reshape(12, 16, 8, 16, 8).mean(axis=(2, 4))
    assert block_means.std() < 12.0 / 4
    neighbours = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
    assert neighbours > 0.2


distances = st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=20)


@given(distances, st.integers(0, 2**32 - 1), st.floats(0.5, 25))
def test_blended_shapes_stay_near_the_sharp_ones(values, seed, blend):
    a = np.array(values, np.float32)
    b = np.random.default_rng(seed).uniform(-60, 60, len(a)).astype(np.float32)
    tolerance = 1e-3
    joined, cut, kept = union(a, b, blend), without(a, b, blend), common(a, b, blend)
    assert (joined <= np.minimum(a, b) + tolerance).all()
    assert (joined >= np.minimum(a, b) - blend / 4 - tolerance).all()
    assert (kept >= np.maximum(a, b) - tolerance).all()
    assert (kept <= np.maximum(a, b) + blend / 4 + tolerance).all()
    assert (cut[b < 0] >= -b[b < 0] - tolerance).all()


@given(st.floats(1, 40), st.floats(-180, 180))
def test_a_round_ellipsoid_and_a_short_capsule_are_balls(radius, angle):
    points = tuple(
        np.random.default_rng(1).uniform(-60, 60, 50).astype(np.float32) for _ in range(3)
    )
    exact = np.sqrt(sum(p.astype(float) ** 2 for p in points)) - radius
    turned = ellipsoid(points, (0, 0, 0), (radius, radius, radius), (angle, 0.5 * angle, 10))
    assert turned == pytest.approx(exact, abs=0.01)
    assert capsule(points, (0, 0, 0), (0, 0, 0), (radius, radius)) == pytest.approx(exact, abs=0.01)


def test_a_curve_passes_through_its_points():
    corners = np.array([(0, 0, 0), (20, 5, 0), (40, -10, 8)], float)
    points, radii = curve(corners, [3, 5, 2], step_mm=2.0)
    for corner, radius in zip(corners, [3, 5, 2], strict=True):
        nearest = np.linalg.norm(points - corner, axis=1)
        assert nearest.min() == pytest.approx(0, abs=1e-6)
        assert radii[nearest.argmin()] == pytest.approx(radius)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() < 4.0
