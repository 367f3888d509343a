"""NIfTI headers of every kind, against nibabel."""

from __future__ import annotations

import gzip
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsms_core.errors import InputError
from lsms_core.io.nifti import write_nifti
from lsms_core.io.volumes import read_volume

SHAPE = (40, 36, 8)  # columns, rows, slices


def ct() -> np.ndarray:
    """A body of 60 HU in air, (columns, rows, slices) as NIfTI stores it."""
    array = np.full(SHAPE, -1000, np.int16)
    array[4:-4, 4:-4] = 60
    array[10:14, 20:24] = np.arange(8)
    return array


def rotation(a: float, b: float, c: float) -> np.ndarray:
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


def affine_of(spacing=(2.0, 2.0, 4.0), turn=(0.0, 0.0, 0.0), signs=(-1, -1, 1), shear=0.0):
    made = np.eye(4)
    made[:3, :3] = rotation(*turn) @ np.diag(np.multiply(spacing, signs))
    made[:3, 1] += shear * made[:3, 0]
    made[:3, 3] = 100, 80, -17
    return made


def save(path, affine, *, s_code=1, q_code=0, q_form=None, kind=nibabel.Nifti1Image, array=None):
    image = kind(ct() if array is None else array, affine)
    image.set_sform(affine, s_code)
    image.set_qform(affine if q_form is None else q_form, q_code)
    nibabel.save(image, path)
    return path


def patch(path, offset, form, *values):
    """Write over bytes of a header, in a compressed file too."""
    content = path.read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    content = bytearray(gzip.decompress(content) if packed else content)
    struct.pack_into(form, content, offset, *values)
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    return path


def expect_nibabel(path, notes=0):
    """The affine and the values are nibabel's."""
    read, image = read_volume(path), nibabel.load(path)
    np.testing.assert_allclose(read.volume.affine, image.affine, rtol=0, atol=1e-9)
    np.testing.assert_allclose(read.volume.array.T, np.asanyarray(image.dataobj), rtol=1e-6)
    assert len(read.notes) == notes, read.notes
    return read


class TestForms:
    @pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1), (2, 1), (1, 4), (4, 2)])
    def test_forms_that_agree(self, codes, tmp_path):
        save(tmp_path / "a.nii.gz", affine_of(), s_code=codes[0], q_code=codes[1])
        expect_nibabel(tmp_path / "a.nii.gz")

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_mirrored_q_form(self, axis, tmp_path):
        other = affine_of()
        other[axis] *= -1
        save(tmp_path / "a.nii.gz", affine_of(), s_code=2, q_code=1, q_form=other)
        read = expect_nibabel(tmp_path / "a.nii.gz", 1)
        assert "one mirrors the other" in read.notes[0]

    @pytest.mark.parametrize(
        ("other", "told"),
        [
            (affine_of(turn=(0, 0, 0.3)), "disagree"),
            (affine_of() + np.array([[0, 0, 0, 5.0]] + [[0] * 4] * 3), "5.0 mm apart"),
            (affine_of(spacing=(1, 1, 4)), "disagree"),
            (affine_of(signs=(1, 1, 1)), "disagree"),
        ],
    )
    def test_other_disagreements(self, other, told, tmp_path):
        path = save(tmp_path / "a.nii.gz", affine_of(), s_code=1, q_code=1, q_form=other)
        read = read_volume(path)
        np.testing.assert_allclose(read.volume.affine, nibabel.load(path).affine)
        assert any(told in note for note in read.notes)

    def test_rounding_is_no_disagreement(self, tmp_path):
        near = affine_of(turn=(1e-5, 0, 0))
        save(tmp_path / "a.nii.gz", affine_of(), s_code=1, q_code=1, q_form=near)
        expect_nibabel(tmp_path / "a.nii.gz")

    def test_an_unusable_s_form_gives_way(self, tmp_path):
        for values in ([0.0] * 12, [np.nan] * 12, [1.0] * 12):
            path = save(tmp_path / "a.nii.gz", affine_of(), s_code=1, q_code=1)
            read = read_volume(patch(path, 280, "<12f", *values))
            np.testing.assert_allclose(read.volume.affine, affine_of(), atol=1e-4)
            assert "s-form cannot be used" in read.notes[0]

    def test_unknown_codes_are_none(self, tmp_path):
        path = save(tmp_path / "a.nii", affine_of(), s_code=1, q_code=1)
        read = read_volume(patch(path, 254, "<h", 257))
        np.testing.assert_allclose(read.volume.affine, affine_of(), atol=1e-4)
        patch(path, 252, "<h", 32640)
        assert "does not say how it lies" in read_volume(path).notes[0]

    def test_no_form_at_all(self, tmp_path):
        path = save(tmp_path / "a.nii.gz", affine_of(), s_code=0, q_code=0)
        read = read_volume(path)
        assert "does not say how it lies" in read.notes[0]
        assert read.volume.spacing_mm == pytest.approx((2, 2, 4))

    @pytest.mark.parametrize("pixdim", [(0, 0, 0), (np.nan, 1, 1), (np.inf, 2, 2), (1e30, 2, 2)])
    def test_neither_form_nor_size(self, pixdim, tmp_path):
        path = save(tmp_path / "a.nii.gz", affine_of(), s_code=0, q_code=0)
        with pytest.raises(InputError, match="has no pixel size"):
            read_volume(patch(path, 80, "<3f", *pixdim))


class TestSizes:
    @pytest.mark.parametrize("pixdim", [(1, 1, 1), (2, 2, 1), (0.5, 2, 4), (-1, -1, 1)])
    def test_pixdim_against_the_affine(self, pixdim, tmp_path):
        path = patch(save(tmp_path / "a.nii.gz", affine_of()), 80, "<3f", *pixdim)
        read = read_volume(path)
        assert read.volume.spacing_mm == pytest.approx((2, 2, 4))
        assert "disagrees with its affine (2 x 2 x 4 mm)" in read.notes[0]

    @pytest.mark.parametrize("pixdim", [(0, 0, 0), (np.nan, 2, 4)])
    def test_no_pixdim(self, pixdim, tmp_path):
        path = patch(save(tmp_path / "a.nii.gz", affine_of()), 80, "<3f", *pixdim)
        assert "was taken from the affine" in read_volume(path).notes[0]
        assert read_volume(path).volume.spacing_mm == pytest.approx((2, 2, 4))

    def test_negative_pixdim_of_the_right_size_is_no_matter(self, tmp_path):
        path = patch(save(tmp_path / "a.nii.gz", affine_of()), 80, "<3f", -2, 2, 4)
        assert read_volume(path).notes == ()

    @pytest.mark.parametrize(("unit", "factor", "name"), [(1, 1e-3, "metres"), (3, 1e3, "micro")])
    def test_other_units(self, unit, factor, name, tmp_path):
        path = save(tmp_path / "a.nii", affine_of(np.multiply((2, 2, 4), factor)), q_code=0)
        read = read_volume(patch(path, 123, "B", unit))
        assert read.volume.spacing_mm == pytest.approx((2, 2, 4), rel=1e-5)
        assert name in read.notes[0]
        path = save(tmp_path / "b.nii", affine_of())
        read = read_volume(patch(path, 123, "B", unit))
        assert read.volume.spacing_mm == pytest.approx((2, 2, 4))
        assert "taken for mm" in read.notes[0]

    def test_sizes_that_no_ct_has(self, tmp_path):
        path = save(tmp_path / "a.nii", affine_of((0.002, 0.002, 0.004)))
        assert "which no CT has" in read_volume(path).notes[0]


class TestAngles:
    @pytest.mark.parametrize("shear", [2e-4, 5e-4, 5e-3])
    def test_almost_right_angles_are_read(self, shear, tmp_path):
        path = save(tmp_path / "a.nii.gz", affine_of(shear=shear))
        read = expect_nibabel(path, 1)
        assert "off right angles" in read.notes[0]

    def test_less_is_rounding(self, tmp_path):
        expect_nibabel(save(tmp_path / "a.nii.gz", affine_of(shear=2e-5)))

    def test_a_sheared_image_is_straightened_on_request(self, tmp_path):
        path = save(tmp_path / "a.nii.gz", affine_of(shear=0.2))
        kept = read_volume(path)
        read = read_volume(path, resample=True)
        assert any("Resampled on request" in note for note in read.notes)
        axes = read.volume.affine[:3, :3] / np.linalg.norm(read.volume.affine[:3, :3], axis=0)
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
        # The body stays where it was, and as large.
        places = []
        for volume in (kept.volume, read.volume):
            inside = np.argwhere(volume.array > -400)
            places.append((volume.affine @ (*inside.mean(axis=0)[::-1], 1))[:3])
            voxel = abs(np.linalg.det(volume.affine[:3, :3]))
            assert len(inside) * voxel == pytest.approx(32 * 28 * 8 * 16, rel=0.03)
        np.testing.assert_allclose(*places, atol=0.5)


class TestFiles:
    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.nii.GZ", "a.Nii"])
    @pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
    def test_versions_and_names(self, name, kind, tmp_path):
        made = save(tmp_path / "x.nii.gz", affine_of(), kind=kind)
        content = made.read_bytes()
        path = tmp_path / name
        path.write_bytes(content if name.lower().endswith("gz") else gzip.decompress(content))
        read = read_volume(path)
        np.testing.assert_array_equal(read.volume.array.T, ct())
        np.testing.assert_allclose(read.volume.affine, affine_of())

    def test_compression_is_known_by_content(self, tmp_path):
        content = save(tmp_path / "x.nii.gz", affine_of()).read_bytes()
        (tmp_path / "packed.nii").write_bytes(content)
        (tmp_path / "plain.nii.gz").write_bytes(gzip.decompress(content))
        for name in ("packed.nii", "plain.nii.gz"):
            np.testing.assert_array_equal(read_volume(tmp_path / name).volume.array.T, ct())

    @pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_types_and_byte_orders(self, dtype, order, tmp_path):
        kind = np.dtype(dtype)
        values = ct().astype(np.int64)
        if kind.kind == "u":
            values += 1024
        if kind.itemsize == 1:
            values = values % 100
        header = nibabel.Nifti1Header(endianness=order)
        header.set_data_dtype(kind.newbyteorder(order))
        image = nibabel.Nifti1Image(values.astype(kind), affine_of(), header)
        nibabel.save(image, tmp_path / "a.nii")
        read = read_volume(tmp_path / "a.nii")
        assert read.volume.array.dtype.isnative
        expected = ct() if kind.itemsize > 1 else values
        np.testing.assert_array_equal(read.volume.array.T, expected)

    @pytest.mark.parametrize(
        ("slope", "inter"), [(1, -1024), (0.5, -1000), (2, 0), (0, 0), (np.nan, 0), (0, -1024)]
    )
    def test_slope_and_intercept(self, slope, inter, tmp_path):
        path = save(tmp_path / "a.nii", affine_of())
        patch(path, 112, "<2f", slope, inter)
        truth = nibabel.load(path).get_fdata()
        read = read_volume(path)
        if any("Hounsfield" in note for note in read.notes):
            return  # mended, which its own tests cover
        np.testing.assert_allclose(read.volume.array.T, truth)

    def test_a_pair_and_analyze_are_refused_with_the_reason(self, tmp_path):
        path = save(tmp_path / "a.nii", affine_of())
        with pytest.raises(InputError, match="NIfTI pair"):
            read_volume(patch(path, 344, "4s", b"ni1\0"))
        with pytest.raises(InputError, match="Analyze"):
            read_volume(patch(path, 344, "4s", b"\0\0\0\0"))

    def test_colour_and_complex(self, tmp_path):
        rgb = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
        nibabel.save(nibabel.Nifti1Image(rgb, affine_of()), tmp_path / "a.nii")
        with pytest.raises(InputError, match="3 values a voxel"):
            read_volume(tmp_path / "a.nii")
        nibabel.save(nibabel.Nifti1Image(ct().astype("c8"), affine_of()), tmp_path / "b.nii")
        with pytest.raises(InputError, match="complex numbers"):
            read_volume(tmp_path / "b.nii")

    def test_extensions_are_skipped_and_extra_data_told(self, tmp_path):
        image = nibabel.Nifti1Image(ct(), affine_of())
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 1000))
        nibabel.save(image, tmp_path / "a.nii.gz")
        np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz").volume.array.T, ct())
        content = save(tmp_path / "b.nii", affine_of()).read_bytes()
        (tmp_path / "b.nii").write_bytes(content + bytes(5000))
        assert "more data than its header says" in read_volume(tmp_path / "b.nii").notes[0]


finite = st.floats(-1e3, 1e3, width=32)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    turn=st.tuples(*[st.floats(-3.1, 3.1)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 8.0)] * 3),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    shear=st.sampled_from([0.0, 1e-6, 1e-4, 1e-3, 0.1]),
    codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    two=st.booleans(),
    order=st.sampled_from("<>"),
)
def test_any_header_lies_where_nibabel_puts_it(
    tmp_path_factory, turn, spacing, signs, shear, codes, two, order
):
    path = tmp_path_factory.mktemp("nifti") / "a.nii"
    header = (nibabel.Nifti2Header if two else nibabel.Nifti1Header)(endianness=order)
    header.set_data_dtype(np.dtype("i2").newbyteorder(order))
    kind = nibabel.Nifti2Image if two else nibabel.Nifti1Image
    affine = affine_of(spacing, turn, signs, shear)
    image = kind(ct(), affine, header)
    image.set_sform(affine, codes[0])
    image.set_qform(affine, codes[1])
    nibabel.save(image, path)
    read = read_volume(path)
    np.testing.assert_allclose(read.volume.affine, nibabel.load(path).affine, atol=1e-6)
    np.testing.assert_array_equal(read.volume.array.T, ct())
    if codes[0] and shear < 0.1:
        # What is written on this grid reads back on it, by us and by nibabel.
        target = path.with_name("mask.nii.gz")
        write_nifti(target, (read.volume.array > 0).astype(np.uint8), read.volume.affine)
        again = nibabel.load(target)
        np.testing.assert_allclose(again.affine, read.volume.affine, rtol=1e-5, atol=1e-3)
        np.testing.assert_array_equal(np.asanyarray(again.dataobj), ct() > 0)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, 347),
    value=st.binary(min_size=1, max_size=8),
    packed=st.booleans(),
)
def test_any_damage_of_the_header_is_told_or_harmless(tmp_path_factory, place, value, packed):
    folder = tmp_path_factory.mktemp("damage")
    path = save(folder / ("a.nii.gz" if packed else "a.nii"), affine_of(), q_code=1)
    patch(path, min(place, 348 - len(value)), f"{len(value)}s", value)
    try:
        read = read_volume(path)
    except InputError as error:
        told = str(error)
    else:
        told = str(path)
        assert read.volume.array.ndim == 3
        assert np.isfinite(read.volume.affine).all()
    assert str(path) in told
