"""The explanation of a finding, as the worker sends it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """One prompt on one slice, stage by stage.

    Attributes:
        finding: the :class:`Finding` that was asked about.
        index: of the slice along the finding's axis.
        model: the model's name.
        verdict: why something was found or not, in a sentence.
        stages: (title, caption, (rows, columns, 3) uint8 picture), in order.
        words: (word, change of the probability when it is left out, 0 to 1); none for an
            engine that shows its stages instead.
        reasons: what became of each candidate, in sentences.
    """

    finding: object
    index: int
    model: str
    verdict: str
    stages: tuple
    words: tuple
    reasons: tuple = ()

    @classmethod
    def fromEvent(cls, finding, event):
        """Read the worker's "explanation"."""
        fields = event.fields
        return cls(
            finding=finding,
            index=int(fields["index"]),
            model=str(fields.get("model", "")),
            verdict=str(fields["verdict"]),
            stages=tuple(
                (str(one["title"]), str(one["caption"]), event.arrays[f"picture{number}"])
                for number, one in enumerate(fields["pictures"])
            ),
            words=tuple((str(one["word"]), float(one["change"])) for one in fields["words"]),
            reasons=tuple(str(one) for one in fields.get("reasons") or ()),
        )
