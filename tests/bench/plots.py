"""Plots as SVG, drawn by matplotlib on a white card, so that they can be read on a dark page too.

The same figures give the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench.section import Plot

COLOURS = ("#4053d3", "#b51d14", "#00b25d", "#ddb310", "#00beff", "#cacaca")
"""Told apart by colour-blind eyes, too."""
SIZE = (7.2, 3.6)
_GOLDEN = 0.618034
"""Its multiples lie evenly, and so do dots beside their column's middle."""


def lines(
    name: str,
    title: str,
    x: str,
    y: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    log_x: bool = False,
    log_y: bool = False,
    marks: bool = True,
) -> Plot:
    """A line for each series of (x, y), with a mark at each point; its name is its label."""

    def draw(axes: Any) -> None:
        style = {"marker": "o" if marks else "", "markersize": 4, "linewidth": 1.8 if marks else 1.2}
        for (label, points), colour in zip(series.items(), _colours(series), strict=True):
            axes.plot(*zip(*points, strict=True), color=colour, label=_bare(label), **style)
        if log_x:
            ticks = sorted({at for points in series.values() for at, _ in points})
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
            axes.xaxis.minorticks_off()
        if log_y:
            axes.set_yscale("log", subs=[])
            axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(x)
        axes.legend(frameon=False)

    return _plot(name, title, y, draw)


def stacked(name: str, title: str, y: str, parts: Mapping[str, Mapping[str, float]]) -> Plot:
    """A bar for each entry, made up of its parts."""
    kinds = list(dict.fromkeys(kind for values in parts.values() for kind in values))

    def draw(axes: Any) -> None:
        below = [0.0] * len(parts)
        for kind, colour in zip(kinds, _colours(kinds), strict=True):
            heights = [values.get(kind, 0.0) for values in parts.values()]
            drawn = axes.bar([*map(_bare, parts)], heights, bottom=below, color=colour, width=0.5, label=kind)
            axes.bar_label(drawn, fmt="{:,.1f}", label_type="center", color="white")
            below = [bottom + height for bottom, height in zip(below, heights, strict=True)]
        axes.legend(frameon=False)

    return _plot(name, title, y, draw)


def dots(name: str, title: str, y: str, values: Mapping[str, Sequence[float]]) -> Plot:
    """A column of dots for each entry, a dot for each of its values, and a line at their median."""

    def draw(axes: Any) -> None:
        for place, (each, colour) in enumerate(zip(values.values(), _colours(values), strict=True)):
            aside = [place + 0.3 * ((number * _GOLDEN) % 1 - 0.5) for number in range(len(each))]
            axes.plot(aside, each, "o", color=colour, alpha=0.5, markersize=4, markeredgewidth=0)
            axes.hlines(median(each), place - 0.25, place + 0.25, color=colour, linewidth=2)
        axes.set_xticks(range(len(values)), [*map(_bare, values)])
        axes.set_xlim(-0.6, len(values) - 0.4)
        axes.set_ylim(bottom=0)

    return _plot(name, title, y, draw)


def _bare(label: str) -> str:
    """Without Markdown's marks of code."""
    return label.replace("`", "")


def _colours(entries: Sequence[str] | Mapping[str, Any]) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(entries))]


def _plot(name: str, title: str, y: str, draw: Any) -> Plot:
    import matplotlib  # comes with requirements/bench.txt only
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "tyrex-pool", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    with matplotlib.rc_context(style), io.StringIO() as file:
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set_title(_bare(title), fontsize=11, loc="left")
        axes.set_ylabel(y)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(
            file, format="svg", facecolor="white", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
        return Plot(name, file.getvalue(), title)
