"""The texts of the effect."""

from slicer.i18n import tr as _

from LSMSSegmentationLib.Effect.EffectRun import ADD, REMOVE, REPLACE


def whereText(where):
    """Return the label of a choice of slices."""
    return {
        "Red": _("Slice shown in Red"),
        "Green": _("Slice shown in Green"),
        "Yellow": _("Slice shown in Yellow"),
    }.get(where) or _("Whole volume")


def modeText(mode):
    """Return the label of what happens to the segment."""
    return {
        ADD: _("Add to the segment"),
        REPLACE: _("Replace the segment in these slices"),
        REMOVE: _("Take out of the segment"),
    }[mode]


def outcomeText(outcome):
    """Return the kind of message ("info", "nothing" or "error") and its text."""
    if outcome.problem:
        return "error", outcome.problem
    if outcome.cancelled:
        return "info", _("Cancelled; nothing was changed.")
    missed = ""
    if outcome.missing and len(outcome.messages) == len(outcome.missing):
        missed = " ".join(outcome.messages)
    elif outcome.missing:
        missed = _("Nothing found for {prompts}.").format(prompts=_listed(outcome.missing))
    if not outcome.found:
        return "nothing", missed + " " + _("The segment was not changed.")
    if not outcome.changed:
        reason = {
            "locked": _("What was found lies in locked or completed segments."),
            "masked": _("What was found lies where masking allows no change."),
            "outside": _("What was found lies outside the segmentation's geometry."),
        }[outcome.reason]
        return "nothing", reason + " " + _("The segment was not changed.")
    text = _('Found {prompts}; "{segment}" was changed. Undo takes it back.').format(
        prompts=_listed(outcome.found), segment=outcome.segmentName
    )
    return ("nothing" if missed else "info"), (text + " " + missed).strip()


def _listed(prompts):
    return ", ".join(f'"{prompt}"' for prompt in prompts)
