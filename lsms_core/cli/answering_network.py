"""The network of ``lsms segment``, on this computer or on an engine's server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsms_core.inference.answer import Answer
    from lsms_core.inference.candidates import CandidateSet
    from lsms_core.inference.predictor import Predictor
    from lsms_core.io.volumes import LoadedVolume
    from lsms_core.service.remote_predictor import RemotePredictor
    from lsms_core.service.service_client import ServiceClient


@dataclass(frozen=True)
class Network:
    """The loaded models or the server's client, shared by the volumes of one call.

    Attributes:
        client: asks a server; None for this computer.
        kept: the models that were loaded, by name.
    """

    client: ServiceClient | None = None
    kept: dict[str, Predictor | RemotePredictor] = field(default_factory=dict)


@contextmanager
def network_of(
    server: str | None, token_file: Path | None, certificate: Path | None
) -> Iterator[Network]:
    """Yield the network of a call, and close the connection to its server afterwards.

    Raises:
        InputError: for an address, a token or a certificate that cannot be used.
    """
    from lsms_core.errors import InputError

    if server is None:
        if token_file is not None or certificate is not None:
            raise InputError("--token-file and --server-cert go with --server.")
        yield Network()
        return
    from lsms_core.service.access_token import ENVIRONMENT_NAME, given_token
    from lsms_core.service.service_client import ServiceClient

    token = given_token(token_file)
    if token is None:
        raise InputError(
            f"The server asks for its token: set {ENVIRONMENT_NAME}, or give --token-file FILE."
        )
    with ServiceClient(server, token, certificate=certificate) as client:
        yield Network(client)


@dataclass(frozen=True)
class Source:
    """A model of a network, loaded when it is needed.

    Attributes:
        network: where it runs.
        weights: its name or folder.
        engine: the engine, None for the one that the model names.
        device: where it runs on this computer; a server decides by itself.
        threads: CPU threads on this computer.
    """

    network: Network
    weights: str
    engine: str | None
    device: str
    threads: int | None

    def load(self) -> Predictor | RemotePredictor:
        """Return the model, which several volumes of a call share.

        Raises:
            LsmsError: when it cannot be loaded.
        """
        kept = self.network.kept
        if self.weights not in kept:
            kept[self.weights] = self._load()
        return kept[self.weights]

    def _load(self) -> Predictor | RemotePredictor:
        if self.network.client is not None:
            from lsms_core.service.remote_predictor import RemotePredictor

            return RemotePredictor(self.network.client, self.weights, self.engine)
        from lsms_core.inference.predictor import Predictor

        return Predictor.from_pretrained(
            self.weights, self.device, self.engine, threads=self.threads
        )

    def search(
        self,
        loaded: LoadedVolume,
        plane: str | int,
        slices: Sequence[int] | None,
        threshold: float | None,
        largest: bool,
        texts: Sequence[str] = (),
    ) -> CandidateSet:
        """Return the candidates of a volume.

        Raises:
            LsmsError: when they cannot be searched for.
        """
        from lsms_core.cli.progress import bar

        with bar("slices") as progress:
            found = self.load().search(
                loaded.volume,
                plane=plane,
                slices=slices,
                progress=progress,
                threshold=threshold,
                texts=texts,
            )
        return found.at_threshold(keep_largest=largest)

    def predict(
        self,
        loaded: LoadedVolume,
        texts: list[str],
        plane: str | int,
        slices: Sequence[int] | None,
        threshold: float | None,
        largest: bool,
    ) -> list[Answer]:
        """Return an answer to each text.

        Raises:
            LsmsError: when there is none.
        """
        from lsms_core.cli.progress import bar
        from lsms_core.inference.predictor import Predictor

        model = self.load()
        if not isinstance(model, Predictor):
            found = self.search(loaded, plane, slices, threshold, largest, texts).without_map()
            return [found.answer(text) for text in texts]
        with bar("slices") as progress:
            return model.segment(
                loaded.volume,
                texts,
                plane=plane,
                slices=slices,
                progress=progress,
                threshold=threshold,
                postprocessing=replace(model.postprocessing, keep_largest=True)
                if largest
                else None,
                keep_probability=False,
            )
