"""The messages about a run: its progress and its outcome."""

from lsms_core.session.translation import tr as _


def progressText(stage, done, total, secondsLeft):
    """Return a progress event in words."""
    if stage == "explain":
        return _("Explaining: step {done} of {total}").format(done=done, total=total)
    if stage == "queue":
        return _("Waiting for the engine: {count} before you").format(count=total)
    if stage != "slices":
        return _("Loading the model…")
    text = _("Slice {done} of {total}").format(done=done, total=total)
    if secondsLeft is None or done >= total:
        return text
    return text + ", " + _("about {time} left").format(time=_duration(secondsLeft))


def _duration(seconds):
    if seconds < 60:
        return _("{seconds} s").format(seconds=max(1, round(seconds)))
    return _("{minutes} min").format(minutes=round(seconds / 60))


def outcome(findings):
    """Return (kind, text) for the status line."""
    lines, all_found = [], True
    for finding in findings:
        answer, prompt = finding.answer, finding.prompt
        if finding.present and not finding.segmentIDs:
            text = _("“{prompt}” lies wholly in other segments, which were left as they are.")
            lines.append(text.format(prompt=prompt))
        elif finding.present:
            lines.append(_foundText(finding))
        elif finding.segmentIDs:
            lines.append(
                _("Nothing is left of “{prompt}” with these settings.").format(prompt=prompt)
            )
            all_found = False
        else:
            lines.append(_nothingText(answer, prompt))
            all_found = False
    found = any(finding.present and finding.segmentIDs for finding in findings)
    return ("info" if found and all_found else "nothing"), "\n".join(lines)


def _foundText(finding):
    answer, segments = finding.answer, len(finding.segmentIDs)
    if answer is not None and answer.reading is not None and answer.region == "lesions":
        text = _("Found “{prompt}”: {kept} of {all} lesions.")
        return text.format(
            prompt=finding.prompt, kept=len(answer.kept), all=len(answer.candidates.lesions)
        )
    text = _("Found “{prompt}”.") if segments == 1 else _("Found “{prompt}” in {count} segments.")
    return text.format(prompt=finding.prompt, count=segments)


def _nothingText(answer, prompt):
    changed = _("No segment was made or changed.")
    if answer is None:
        return _("Nothing found for “{prompt}”.").format(prompt=prompt) + " " + changed
    if answer.reading is not None:
        return answer.message + " " + changed
    text = _("Nothing found for “{prompt}” (score {score:.2f}).")
    weaker = _("A lower threshold shows weaker candidates.")
    return " ".join([text.format(prompt=prompt, score=answer.score), changed, weaker])


def resultText(findings):
    """Return one line a finding: its prompt and how sure the model is of it."""
    lines = []
    for finding in findings:
        state = _("score {score:.2f}") if finding.present else _("not found, score {score:.2f}")
        # A sentence of a report ends in a full stop.
        lines.append(f"{finding.prompt.rstrip('.')}: " + state.format(score=finding.score))
    return "\n".join(lines)
