# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""report.html: one file that opens in any browser without a network, pictures and plots inside."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Final

from unsup_track_ros.visualization.colors import Color

_PAGE: Final = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
:root{color-scheme:dark}
body{margin:0 auto;max-width:1280px;padding:24px;background:#111318;color:#eceff4;
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:22px;margin:0}h2{font-size:16px;margin:32px 0 10px;color:#60d6ff;font-weight:600}
p.sub{color:#96a0b0;margin:2px 0 20px;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:12px}
.tile{background:#181b21;border:1px solid #2a2f39;border-radius:8px;padding:10px 16px;
 min-width:104px}
.tile b{display:block;font-size:22px;font-weight:600}.tile span{color:#96a0b0;font-size:13px}
.player{background:#181b21;border:1px solid #2a2f39;border-radius:8px;overflow:hidden}
.player img{display:block;width:100%}
.bar{display:flex;gap:12px;align-items:center;padding:8px 12px}
.bar input{flex:1;accent-color:#60d6ff}
.bar button{background:#2a2f39;color:inherit;border:0;border-radius:6px;padding:5px 14px;
 font:inherit;cursor:pointer}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:14px}
.plots svg{background:#181b21;border:1px solid #2a2f39;border-radius:8px;width:100%}
.grid{stroke:#2a2f39}.tick{fill:#96a0b0;font-size:10px}.axis{fill:#c8d0dc;font-size:11px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid #2a2f39;white-space:nowrap}
th{color:#96a0b0;font-weight:500}th:first-child,td:first-child{text-align:left}
td:last-child,th:last-child{padding-right:0}
.chip{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px}
.thumb{display:inline-block;width:96px;height:96px;border-radius:6px;margin-right:12px;
 vertical-align:middle;background:#181b21}
ul{padding-left:20px;margin:8px 0}li.warn{color:#ffc454}
summary{cursor:pointer;color:#96a0b0}
pre{background:#181b21;padding:12px;border-radius:8px;overflow-x:auto;font-size:13px}
</style></head><body>
<h1>$title</h1><p class="sub">$subtitle</p>
$body
<script>
const frames=[$frames],captions=[$captions];
const img=document.getElementById("picture"),slider=document.getElementById("slider"),
 label=document.getElementById("caption"),button=document.getElementById("play");
let timer=null;
function show(i){slider.value=i;img.src="data:image/jpeg;base64,"+frames[i];
 label.textContent=captions[i]}
function stop(){clearInterval(timer);timer=null;button.textContent="Play"}
function toggle(){if(timer){stop();return}button.textContent="Pause";
 timer=setInterval(()=>show((+slider.value+1)%frames.length),$period_ms)}
if(frames.length){slider.oninput=()=>{stop();show(+slider.value)};button.onclick=toggle;
 document.onkeydown=e=>{if(e.key==="ArrowRight")show(Math.min(+slider.value+1,frames.length-1));
  else if(e.key==="ArrowLeft")show(Math.max(+slider.value-1,0));else return;
  stop();e.preventDefault()};show(0)}
</script></body></html>
""")
_PLAYER: Final = (
    '<div class="player"><img id="picture" alt="Camera and bird\'s-eye view of one frame">'
    '<div class="bar"><button id="play">Play</button>'
    '<input id="slider" type="range" min="0" max="{last}" value="0" aria-label="Frame">'
    '<span id="caption"></span></div></div>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under a heading; the first column is a name, the others numbers.

    Attributes:
        heading: Title of the section.
        header: Column titles.
        rows: Cells, as many per row as columns.
        chips: A colour before each row's name, or nothing.
        pictures: A JPEG before each row's name, empty where there is none, or nothing.
        folded: Whether the reader must unfold it.
    """

    heading: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    chips: Sequence[Color] = ()
    pictures: Sequence[bytes] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the page shows, from top to bottom.

    Attributes:
        title: Heading of the page.
        subtitle: One line under it.
        tiles: (value, name) pairs.
        pictures: (caption, JPEG) pairs for the player.
        period_s: Time between two pictures when playing.
        plots: SVG elements.
        tables: Sections with tables.
        notes: Warnings, one sentence each.
        configuration: YAML, shown folded.
    """

    title: str
    subtitle: str
    tiles: Sequence[tuple[str, str]] = ()
    pictures: Sequence[tuple[str, bytes]] = ()
    period_s: float = 0.25
    plots: Sequence[str] = ()
    tables: Sequence[Table] = field(default_factory=tuple)
    notes: Sequence[str] = ()
    configuration: str = ""


def render_report(report: Report) -> str:
    """Return the page."""
    parts = [_tiles(report.tiles), _notes(report.notes)]
    if report.pictures:
        parts += ["<h2>What was seen</h2>", _PLAYER.format(last=len(report.pictures) - 1)]
    if report.plots:
        parts += ["<h2>Motion</h2>", f'<div class="plots">{"".join(report.plots)}</div>']
    parts += [_table(table) for table in report.tables]
    if report.configuration:
        text = html.escape(report.configuration)
        parts += [
            "<h2>Configuration</h2>",
            f"<details><summary>All parameters</summary><pre>{text}</pre></details>",
        ]
    return _PAGE.substitute(
        title=html.escape(report.title),
        subtitle=html.escape(report.subtitle),
        body="\n".join(part for part in parts if part),
        frames=",".join(f'"{base64.b64encode(data).decode()}"' for _, data in report.pictures),
        captions=",".join(f'"{html.escape(caption)}"' for caption, _ in report.pictures),
        period_ms=round(report.period_s * 1e3),
    )


def _tiles(tiles: Sequence[tuple[str, str]]) -> str:
    cells = "".join(
        f'<div class="tile"><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
        for value, name in tiles
    )
    return f'<div class="tiles">{cells}</div>' if tiles else ""


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f'<li class="warn">{html.escape(note)}</li>' for note in notes)
    return f"<ul>{items}</ul>" if notes else ""


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in table.header)
    rows = []
    for number, row in enumerate(table.rows):
        chip = _chip(table.chips[number]) if table.chips else ""
        chip += _thumbnail(table.pictures[number]) if table.pictures else ""
        cells = "".join(
            f"<td>{chip if column == 0 else ''}{html.escape(text)}</td>"
            for column, text in enumerate(row)
        )
        rows.append(f"<tr>{cells}</tr>")
    content = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    body = f'<div class="scroll"><table>{content}</table></div>'
    if table.folded:
        body = f"<details><summary>Show</summary>{body}</details>"
    return f"<h2>{html.escape(table.heading)}</h2>{body}"


def _thumbnail(jpeg: bytes) -> str:
    if not jpeg:
        return '<span class="thumb"></span>'
    data = base64.b64encode(jpeg).decode()
    return f'<img class="thumb" alt="" src="data:image/jpeg;base64,{data}">'


def _chip(color: Color) -> str:
    return '<span class="chip" style="background:#{:02x}{:02x}{:02x}"></span>'.format(*color)
