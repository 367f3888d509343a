"""The dialogs of the installer; the logic has none."""

import sysconfig

import slicer
from slicer.i18n import tr as _

from LSMSSegmentationLib.Install.InstallPlan import windowsPathAdvice


def consentText(plan):
    """Return what the user is asked before anything is installed."""
    lines = [_("To find lesions, Slicer's Python needs these packages:"), ""]
    for package in plan.packages:
        note = (
            _(" (instead of {version})").format(version=package.installed)
            if package.installed
            else ""
        )
        line = _("  {requirement}{note}").format(requirement=package.requirement, note=note)
        if not plan.offline:
            line = _("{package}: {size}").format(package=line, size=sizeText(package.megabytes))
        lines.append(line)
    lines.append("")
    if plan.offline:
        lines.append(_("They are taken from the wheels that you chose; nothing is downloaded."))
    else:
        lines.append(_("Download in all: {size}.").format(size=sizeText(plan.megabytes)))
    if plan.needsTorch and not plan.offline:
        lines.append(_("PyTorch is large where a GPU is used; the PyTorch extension chooses."))
    if plan.freeMegabytes is not None:
        lines.append(
            _("Free on this disk: {size}.").format(size=sizeText((plan.freeMegabytes,) * 2))
        )
    lines.append(
        _("{names} stay as they are.").format(
            names=", ".join(f"{name} {version}" for name, version in plan.protected.items())
        )
    )
    advice = windowsPathAdvice(sysconfig.get_paths()["purelib"]) if plan.needsTorch else ""
    if advice:
        lines += ["", advice]
    lines += ["", _("The window does not respond while they are installed. Install now?")]
    return "\n".join(lines)


def sizeText(megabytes):
    """Return "25 to 60 MB", or gigabytes for larger numbers."""
    low, high = megabytes
    if high >= 1024:
        text = f"{high / 1024:.1f} GB"
        if low == high:
            return text
        return _("{low} MB to {high}").format(low=low, high=text)
    if low == high:
        return _("{size} MB").format(size=high)
    return _("{low} to {high} MB").format(low=low, high=high)


def askConsent(plan):
    """Ask once for the whole plan; returns whether the user agrees."""
    title = _("LSMS Segmentation - install packages")
    return slicer.util.confirmOkCancelDisplay(consentText(plan), title)


def confirmRemove(name):
    """Ask before a model is deleted."""
    text = _('Delete the model "{name}" from this computer?').format(name=name)
    return slicer.util.confirmOkCancelDisplay(text, _("LSMS Segmentation - remove model"))


def chooseFolder(title):
    """Return a folder that the user chose, else an empty text."""
    import qt

    return qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)


def chooseZip(title):
    """Return a zip file that the user chose, else an empty text."""
    import qt

    return qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", "Zip (*.zip)")
