"""Puts the effect into Segment Editor's toolbar."""


def registerSegmentEditorEffect():
    """Register the effect; call it once, when Slicer has started up.

    Slicer's setPythonSource takes the class from the package that holds the file, by the
    file's name. Did the package lack it, Slicer would put the file in the package's place in
    sys.modules, and no other part of the module could be imported after that. An import of the
    submodule leaves the submodule under the same name, so the class is put there here.
    """
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    import LSMSSegmentationLib
    from LSMSSegmentationLib import SegmentEditorEffect as source
    from LSMSSegmentationLib.Effect.PromptEffect import sourcePath

    effectClass = getattr(source, "SegmentEditorEffect", source)
    LSMSSegmentationLib.SegmentEditorEffect = effectClass
    instance = effects.qSlicerSegmentEditorScriptedEffect(None)
    instance.setPythonSource(sourcePath().as_posix())
    instance.self().register()
