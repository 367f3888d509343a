"""Messages in the language of the program that shows them."""

try:
    from slicer.i18n import tr
except ImportError:  # slicer-core, which has no translations

    def tr(text):
        """Return a text as it is."""
        return text


__all__ = ["tr"]
