"""The layout of the page: the panel on the left, three slice views and the 3D view beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trame.ui.vuetify3 import VAppLayout
from trame.widgets import client, html
from trame.widgets import vuetify3 as v

_DENSE = {"density": "compact", "hide_details": True, "variant": "outlined"}
_KEYS = (
    ("L", "the prompt"),
    ("↑ ↓", "earlier prompts; beside the prompt: lesions"),
    ("Enter", "run"),
    ("Esc", "cancel"),
    ("space", "keep or drop the lesion"),
    ("Ctrl+Z", "undo"),
)


@dataclass(frozen=True)
class Actions:
    """What the page's buttons do; each is called with what the button gives.

    Attributes:
        study: opens a study by its number.
        series: opens a series by its key.
        outlines: asks about outlines by their number.
        run: runs the prompt.
        cancel: stops the run.
        from_view: takes the slice number from the view of the plane.
        lesion: selects a lesion by its place in the list.
        toggle: keeps or drops a lesion by its place in the list.
        correct: corrects the answer as the line says.
        undo: takes back the last step.
        redo: brings it back.
        tool: takes a tool.
        add: makes a segment.
        select: paints in a segment.
        visible: shows or hides a segment.
        remove: removes a segment.
        save: saves a kind of file.
    """

    study: Callable[..., Any]
    series: Callable[..., Any]
    outlines: Callable[..., Any]
    run: Callable[..., Any]
    cancel: Callable[..., Any]
    from_view: Callable[..., Any]
    lesion: Callable[..., Any]
    toggle: Callable[..., Any]
    correct: Callable[..., Any]
    undo: Callable[..., Any]
    redo: Callable[..., Any]
    tool: Callable[..., Any]
    add: Callable[..., Any]
    select: Callable[..., Any]
    visible: Callable[..., Any]
    remove: Callable[..., Any]
    save: Callable[..., Any]


def build_page(server: Any, actions: Actions, add_views: Callable[[Any], None]) -> None:  # noqa: ANN401
    """Make the page.

    Args:
        server: trame's.
        actions: what its buttons do.
        add_views: called with the layout where the views shall be.
    """
    with VAppLayout(server) as layout:
        layout.root.theme = "dark"
        client.ClientStateChange(value="download", change="window.lsmsDownload(download)")
        with (
            v.VNavigationDrawer(permanent=True, width=410, classes="lsms-panel"),
            html.Div(
                classes="pa-3",
                id="lsms-panel",
                data_runs=("runs",),
                __properties=[("data_runs", "data-runs")],
            ),  # fmt: skip
        ):
            _study(actions)
            _prompt(actions)
            _where(actions)
            _status(actions)
            _lesions(actions)
            _threshold()
            _segments(actions)
            _findings()
            _foot(actions)
        with v.VMain(style="height: 100vh"), html.Div(id="lsms-views"):
            add_views(layout)


def _study(actions: Actions) -> None:
    html.H2("CT")
    v.VSelect(
        id="lsms-study", model_value=("study",), items=("studies",), placeholder="Open a CT…",
        update_modelValue=(actions.study, "[$event]"), loading=("reading_file",),
        disabled=("busy || reading_file",), **_DENSE,
    )  # fmt: skip
    v.VSelect(
        v_if="series_list.length", id="lsms-series", model_value=("series",), classes="mt-1",
        items=("series_list",), placeholder="Choose a series…",
        update_modelValue=(actions.series, "[$event]"), disabled=("busy || reading_file",),
        **_DENSE,
    )  # fmt: skip
    with html.Div(v_if="outlines_list.length > 1", classes="lsms-row mt-1"):
        html.Span("Lesions that", classes="lsms-small")
        v.VSelect(
            id="lsms-outlines", model_value=("outlines",), items=("outlines_list",),
            update_modelValue=(actions.outlines, "[$event]"), disabled=("busy || !opened",),
            **_DENSE,
        )  # fmt: skip


def _prompt(actions: Actions) -> None:
    html.H2("Prompt")
    with html.Div(classes="lsms-row", style="flex-wrap: nowrap"):
        v.VTextField(
            id="lsms-prompt", v_model=("prompt",), readonly=("busy",), autocomplete="off",
            placeholder="left lobe hypodense lesion", spellcheck="false", **_DENSE,
        )  # fmt: skip
        v.VBtn(
            "{{ busy ? 'Cancel' : 'Run' }}", id="lsms-run", color=("busy ? 'warning' : 'primary'",),
            click=(actions.run, "[prompt]"), disabled=("!busy && (!opened || !where_ok)",),
        )  # fmt: skip
    with html.Div(id="lsms-chips", style="min-height: 24px"):
        html.Span(
            "{{ chip.text }}", v_for="(chip, n) in chips", key="n",
            classes=("'lsms-chip ' + chip.kind",),
        )  # fmt: skip


def _where(actions: Actions) -> None:
    with html.Div(classes="lsms-row"):
        with v.VBtnToggle(v_model=("where",), mandatory=True, density="compact", id="lsms-where"):
            for value, text in (
                ("view", "View"), ("number", "Slice"), ("range", "Range"), ("volume", "Volume"),
            ):  # fmt: skip
                v.VBtn(text, value=value, size="small", id=f"lsms-where-{value}")
        with v.VBtnToggle(
            v_if="where === 'view'", v_model=("view",), mandatory=True, density="compact"
        ):
            for name, colour in (("Red", "#F34A33"), ("Green", "#6DAD4A"), ("Yellow", "#EFD64D")):
                v.VBtn(name, value=name, size="small", style=f"color: {colour}")
    with html.Div(v_if="where !== 'view'", classes="lsms-row mt-1"):
        with v.VBtnToggle(v_model=("plane",), mandatory=True, density="compact"):
            for value in ("axial", "coronal", "sagittal"):
                v.VBtn(value, value=value, size="small")
        with html.Template(v_if="where !== 'volume'"):
            _number("first_slice", "lsms-first")
            with html.Template(v_if="where === 'range'"):
                html.Span("to")
                _number("last_slice", "lsms-last")
            v.VBtn("From view", size="small", variant="text", click=actions.from_view)
    html.Div("{{ where_text }}", id="lsms-where-text", classes="lsms-small mt-1",
             style="white-space: pre-line")  # fmt: skip


def _number(name: str, identity: str) -> None:
    html.Input(
        type="number", id=identity, v_model_number=(name,), min=0, max=("end_slice",),
        classes="lsms-input", style="width: 54px",
    )  # fmt: skip


def _status(actions: Actions) -> None:
    v.VProgressLinear(
        v_if="busy", id="lsms-progress", height=6, classes="mt-2",
        indeterminate=("progress < 0",), model_value=("progress",),
    )  # fmt: skip
    html.Div(
        "{{ status }}", v_if="status", id="lsms-status", role="status",
        classes=("'lsms-status ' + status_kind",),
    )  # fmt: skip
    with html.Div(classes="lsms-row"):
        v.VBtn("Undo", id="lsms-undo", size="small", variant="tonal", prepend_icon="mdi-undo",
               click=actions.undo, disabled=("!can_undo || busy",))  # fmt: skip
        v.VBtn("Redo", id="lsms-redo", size="small", variant="tonal", prepend_icon="mdi-redo",
               click=actions.redo, disabled=("!can_redo || busy",))  # fmt: skip
        html.Input(
            id="lsms-correction", v_model=("correction",), placeholder="not the one in segment 7",
            disabled=("busy || !can_correct",), title="Correct the answer in words (Enter)",
            classes="lsms-input", style="flex: 1",
        )  # fmt: skip


def _lesions(actions: Actions) -> None:
    with html.Div(v_if="lesions.length"):
        html.H2("Lesions{{ lesions_fixed && prompt ? ' (as typed)' : '' }}")
        with html.Table(classes="lsms-table", id="lsms-lesions"):
            with html.Thead(), html.Tr():
                for heading in ("", "No.", "Where", "Size mm", "HU", "Why"):
                    html.Th(heading)
            with html.Tbody(), html.Tr(
                v_for="(one, n) in lesions", key="one.number", click=(actions.lesion, "[n]"),
                classes=("'pick ' + (one.kept ? 'kept' : 'dropped') "
                         "+ (n === lesion ? ' selected' : '')",),
            ):  # fmt: skip
                with html.Td():
                    html.Input(
                        type="checkbox", checked=("one.kept",), disabled=("lesions_fixed || busy",),
                        __events=[("click_stop", "click.stop")],
                        click_stop=(actions.toggle, "[n]"),
                        title="Keep or drop (space)",
                    )  # fmt: skip
                with html.Td(style="white-space: nowrap"):
                    html.Span(v_if="one.colour", classes="lsms-swatch",
                              style=("{background: one.colour}",))  # fmt: skip
                    html.Span("{{ one.number }}")
                html.Td("{{ one.place }}")
                html.Td("{{ one.size }}", classes="number")
                html.Td("{{ one.hu }}", classes="number")
                html.Td("{{ one.why }}", classes="lsms-small")
        html.Div("{{ lesion_why }}", v_if="lesion_why", classes="lsms-small mt-1")


def _threshold() -> None:
    html.H2("Threshold")
    with html.Div(classes="lsms-row", style="flex-wrap: nowrap", id="lsms-threshold"):
        v.VSlider(
            v_model=("threshold",), min=0.01, max=0.99, step=0.01,
            disabled=("busy || !can_cut",), density="compact", hide_details=True,
        )  # fmt: skip
        html.Span("{{ Number(threshold).toFixed(2) }}", id="lsms-threshold-value",
                  style="width: 34px")  # fmt: skip
    with html.Div(classes="lsms-row"):
        v.VCheckbox(v_model=("keep_largest",), label="Largest piece only", density="compact",
                    hide_details=True, disabled=("busy",))  # fmt: skip
        v.VCheckbox(v_model=("split_lesions",), label="One segment a lesion", density="compact",
                    hide_details=True, disabled=("busy",))  # fmt: skip
    html.Div("{{ cut_reason }}", v_if="cut_reason", classes="lsms-small", id="lsms-cut-reason")


def _segments(actions: Actions) -> None:
    html.H2("Segments")
    with html.Table(classes="lsms-table", id="lsms-segments"), html.Tbody(), html.Tr(
        v_for="one in segments", key="one.id", click=(actions.select, "[one.id]"),
        classes=("'pick' + (one.id === active_segment ? ' selected' : '')",),
    ):  # fmt: skip
        with html.Td():
            html.Span(classes="lsms-swatch", style=("{background: one.colour}",))
            html.Span("{{ one.name }}")
            v.VIcon("mdi-lock", v_if="one.locked", size="x-small", classes="ml-1")
        with html.Td(classes="number"):
            for icon, action, title in (
                ("one.visible ? 'mdi-eye' : 'mdi-eye-off'", actions.visible, "Show or hide"),
                ("'mdi-delete-outline'", actions.remove, "Remove"),
            ):
                v.VIcon(
                    icon=(icon,), size="small", classes="ml-2", title=title,
                    __events=[("click_stop", "click.stop")], click_stop=(action, "[one.id]"),
                )  # fmt: skip
    with html.Div(classes="lsms-row mt-1"):
        v.VBtn("New", id="lsms-new-segment", size="small", variant="tonal", prepend_icon="mdi-plus",
               click=actions.add, disabled=("!opened || busy",))  # fmt: skip
        for tool, icon in (("paint", "mdi-brush"), ("erase", "mdi-eraser")):
            v.VBtn(
                tool.capitalize(), id=f"lsms-{tool}", size="small", prepend_icon=icon,
                variant=(f"tool === '{tool}' ? 'flat' : 'tonal'",),
                color=(f"tool === '{tool}' ? 'primary' : undefined",),
                click=(actions.tool, f"['{tool}']"), disabled=("!segments.length || busy",),
            )  # fmt: skip
    with html.Div(v_if="tool !== 'none'", classes="lsms-row", style="flex-wrap: nowrap"):
        html.Span("Brush {{ brush_mm }} mm", classes="lsms-small", style="white-space: nowrap")
        v.VSlider(v_model=("brush_mm",), min=1, max=40, step=1, density="compact",
                  hide_details=True)  # fmt: skip
        v.VCheckbox(v_model=("sphere",), label="Ball", density="compact", hide_details=True)


def _findings() -> None:
    with html.Div(v_if="findings_rows.length", style="overflow-x: auto"):
        html.H2("Findings")
        with html.Table(classes="lsms-table", id="lsms-findings"):
            with html.Thead(), html.Tr():
                html.Th("{{ name }}", v_for="name in findings_head", key="name")
            with html.Tbody(), html.Tr(v_for="(row, n) in findings_rows", key="n"):
                html.Td("{{ cell }}", v_for="(cell, m) in row", key="m")


def _foot(actions: Actions) -> None:
    html.H2("Save")
    with html.Div(classes="lsms-row"):
        for kind, text in (
            ("seg.nrrd", ".seg.nrrd"), ("dcm", "DICOM SEG"), ("html", "Report"),
            ("sr", "DICOM report"),
        ):  # fmt: skip
            v.VBtn(
                text, id=f"lsms-save-{kind.replace('.', '-')}", size="small", variant="tonal",
                style="text-transform: none", click=(actions.save, f"['{kind}']"),
                disabled=("!segments.length || busy",),
            )  # fmt: skip
        v.VCheckbox(v_model=("show_3d",), label="3D", density="compact", hide_details=True)
    with html.Div(classes="lsms-small lsms-keys mt-3"):
        for key, text in _KEYS:
            html.Kbd(key)
            html.Span(f" {text} · ")
        html.Div("Research use only; not a medical device.", classes="mt-1")
