"""Reads a radiology report whose sentences are asked, one segment each; keeps it in memory only."""

from dataclasses import dataclass
from typing import Any

from lsms_core.session.translation import tr as _

_LARGEST_REPORT = 1_000_000


@dataclass(frozen=True)
class AskedReport:
    """What a report says, and how its image numbers are meant.

    Attributes:
        statements: every sentence of its findings, those that are skipped with the reason.
        images: the ImageNumbers of the CT.
    """

    statements: tuple
    images: Any

    @property
    def prompts(self):
        """The sentences that are asked."""
        return tuple(one.text for one in self.statements if not one.skipped)

    @property
    def repeats(self):
        """Whether two sentences say the same, perhaps of two images."""
        return len(set(self.prompts)) < len(self.prompts)

    def answers(self, candidates):
        """Return an answer for each of :attr:`prompts`."""
        from lsms_core.inference.report_answers import answer_statements

        return answer_statements(candidates, self.statements, self.images)

    @property
    def skippedText(self):
        """The sentences that were not asked, with the reason; "" for none."""
        skipped = [one for one in self.statements if one.skipped]
        if not skipped:
            return ""
        head = _("Skipped {count} of {all} sentences:").format(
            count=len(skipped), all=len(self.statements)
        )
        return "\n".join([head, *(f"“{one.source}” {one.skipped}" for one in skipped)])


def readReport(text, files, slices):
    """Cut a report into its sentences and read them.

    Args:
        text: the report, or its findings alone.
        files: the CT's DICOM files in the order of its slices; None where it has none; empty where
            they are not those of the slices, so that no image number is known.
        slices: how many slices the CT has.

    Raises:
        InputError: for no text, far too much of it, or none about a focal liver lesion.
    """
    from lsms_core.errors import InputError
    from lsms_core.inference.report_answers import ImageNumbers
    from lsms_core.io.image_numbers import image_numbers
    from lsms_core.language.read import read
    from lsms_core.language.report_text import read_report

    if not text.strip() or len(text) > _LARGEST_REPORT:
        raise InputError(_("Copy the report's text first, then press the button."))
    known = ({}, None, "") if files is not None and not files else image_numbers(files, slices)
    report = AskedReport(tuple(read_report(text, read)), ImageNumbers(*known))
    if not report.prompts:
        said = _("The report names no focal lesion of the liver.")
        raise InputError("\n".join(filter(None, (said, report.skippedText))))
    return report
