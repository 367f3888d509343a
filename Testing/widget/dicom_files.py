"""A CT volume node of DICOM files, without Slicer's DICOM module."""

from __future__ import annotations


def dicom_ct(panel, folder):
    """Write a small series and load it as Slicer's DICOM module does.

    Returns:
        The volume node, and instance UID -> file.
    """
    import pydicom

    from lsms_core.io.volumes import read_volume
    from Testing.core.dicom_synthetic import series

    paths = series(folder)
    loaded = read_volume(folder)
    node = panel.add_volume("DICOM CT", loaded.volume.array, loaded.volume.affine)
    files = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in paths}
    node.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    return node, files
