"""Entry point of the command line: lazy subcommands and one-line errors."""

from __future__ import annotations

import importlib
import sys

import click

from lsms_core import __version__
from lsms_core.errors import LsmsError

_COMMANDS = {
    "demo": ("lsms_core.cli.demo", "Segment a named lesion on an embedded synthetic CT."),
    "segment": ("lsms_core.cli.segment", "Segment what a text names in a CT file or folder."),
    "read": ("lsms_core.cli.read_texts", "Say how a text is read, before anything is searched."),
    "viewer": ("lsms_core.cli.viewer", "Show CTs in a browser and ask for lesions in words."),
    "batch": ("lsms_core.cli.batch", "Answer prompts for many studies, resumably."),
    "serve": ("lsms_core.cli.serve", "Serve an engine to other computers."),
    "compare": ("lsms_core.cli.compare", "Match the lesions of two studies of a patient."),
    "build-dataset": (
        "lsms_core.cli.build_dataset",
        "Turn images and lesion masks into expressions.",
    ),
    "make-phantoms": (
        "lsms_core.cli.make_phantoms",
        "Make synthetic cases, which need no patient's data.",
    ),
    "inspect-dataset": ("lsms_core.cli.inspect_dataset", "Show a referring data set as pictures."),
    "train": ("lsms_core.cli.train", "Train a model from a configuration file."),
    "evaluate": ("lsms_core.cli.evaluate", "Score weights on a referring data set."),
    "fit-candidates": (
        "lsms_core.cli.fit_candidates",
        "Learn which of what a model draws are lesions.",
    ),
    "fit-evidence": (
        "lsms_core.cli.fit_evidence",
        "Learn what a model's own eye for a look is worth.",
    ),
    "release": (
        "lsms_core.cli.release_model",
        "Give a trained model its threshold, card and name.",
    ),
    "export": ("lsms_core.cli.export_graphs", "Give a model the graphs that ONNX Runtime needs."),
    "benchmark": ("lsms_core.cli.benchmark", "Measure speed and memory on this machine."),
    "medclip-sam": (
        "lsms_core.cli.medclip_sam",
        "The second engine: weights, pictures, evaluation.",
    ),
    "info": ("lsms_core.cli.info", "Show and verify a model bundle."),
}

# The extra of this package that brings an optional library.
_EXTRAS = {
    "PIL": "pictures",
    "h5py": "medclip",
    "highdicom": "dicom",
    "lightning": "train",
    "monai": "train",
    "onnx": "train",
    "onnxscript": "train",
    "safetensors": "torch",
    "tokenizers": "torch",
    "torch": "torch",
    "transformers": "torch",
}


class _LazyGroup(click.Group):
    """Lists the commands without importing them, so that ``lsms --help`` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lsms")
def cli() -> None:
    """Text-prompted lesion segmentation on CT. Research use; not a medical device."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line; a user's error is one line on stderr and exit status 2."""
    try:
        # Not click's standalone mode, which calls an interrupt "Aborted!" and exits with 1.
        status = cli.main(args=argv, prog_name="lsms", standalone_mode=False)
    except LsmsError as error:
        click.echo(f"lsms: {error}", err=True)
        sys.exit(LsmsError.exit_code)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise
        install = f'pip install "lsms-core[{_EXTRAS[library]}]"'
        click.echo(f"lsms: This needs {library}, which is not installed: {install}.", err=True)
        sys.exit(LsmsError.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("lsms: cancelled; nothing was written.", err=True)
        sys.exit(130)
    if isinstance(status, int):
        sys.exit(status)
