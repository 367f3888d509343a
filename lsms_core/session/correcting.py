"""Corrections of an answer: a click on a lesion, or words ("2 mm larger", "undo")."""

from lsms_core.session.lesion_rows import findingsOf
from lsms_core.session.translation import tr as _


def keepLesion(session, row, keep):
    """Add a row's lesion to the answer or take it out; one step for Undo.

    Args:
        session: the Session.
        row: a LesionRow of its findings.
        keep: whether it shall be in the answer.

    Raises:
        LsmsError: when the answer cannot be changed; nothing is changed then.
    """
    findings = session.findings
    mine = findingsOf(row, findings)
    said = _("added by hand") if keep else _("taken out by hand")
    changed = []
    for finding in findings:
        answer = finding.answer
        # With several prompts it is added to the first, and taken out of all.
        concerned = finding is mine[0] if keep else finding in mine
        if concerned and answer is not None:
            answer = answer.with_verdict(row.lesion.number, keep, said)
        changed.append(answer)
    what = _("lesion {number} added") if keep else _("lesion {number} taken out")
    session.correct(changed, what.format(number=row.number))


def correctInWords(session, text):
    """Change the last run's answers as a text says; one correction is one step for Undo.

    With several prompts it changes those that it fits.

    Args:
        session: the Session.
        text: what was typed.

    Returns:
        Whether the text asks for an undo, which is left to the caller.

    Raises:
        LsmsError: when it is not understood or fits nothing; nothing is changed then.
    """
    from lsms_core.errors import InputError
    from lsms_core.inference.correct import corrected
    from lsms_core.language.corrections import Operation, read_correction

    if read_correction(text).operation is Operation.UNDO:
        return True
    reason = session.whyNotCorrectable()
    if reason:
        raise InputError(reason)
    before = [finding.answer for finding in session.findings]
    after = [corrected([answer], text) for answer in before]
    pairs = list(zip(before, after, strict=True))
    if not any(_differs(old, new) for old, new in pairs):
        # An answer without lesions fits nothing; another one says why nothing was done.
        told = next((new for old, new in pairs if old.present), after[0])
        raise InputError(told.message)
    session.correct([new if _differs(old, new) else old for old, new in pairs], f"“{text}”")
    return False


def unreadWords(text):
    """Return the words of a correction that change nothing."""
    from lsms_core.language.corrections import read_correction

    return read_correction(text).unread


def _differs(old, new):
    """Whether a correction changed an answer; one that fits nothing only says so."""
    return new.verdicts is not old.verdicts or new.edits is not old.edits
