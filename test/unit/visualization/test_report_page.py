# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from unsup_track_ros.visualization.html_report import Report, Table, render_report
from unsup_track_ros.visualization.svg_plot import Axes, Line, line_plot
from unsup_track_ros.visualization.video import VideoWriter, encode_jpeg

VOID = {"meta", "input", "img", "br"}


class Checker(HTMLParser):
    """Demands that every element is closed in order and collects what the browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def test_an_empty_report_is_a_whole_page() -> None:
    page = checked(render_report(Report(title="Labels", subtitle="of nothing")))
    assert "Labels" in page.text


def test_a_full_report_is_well_formed_and_loads_nothing_from_elsewhere() -> None:
    picture = encode_jpeg(np.zeros((20, 30, 3), np.uint8), 80)
    line = Line(points=np.array([[0.0, 0], [1, 2]]), color=(255, 0, 0), name="<a>")
    report = Report(
        title="A & B",
        subtitle="<script>alert(1)</script>",
        tiles=[("3", "frames")],
        pictures=[("frame 0", picture), ("frame 1", picture)],
        plots=[line_plot([line], Axes(x_label="time (s)", y_label="speed (m/s)"))],
        tables=[
            Table(heading="T", header=("a", "b"), rows=[["x", "1 < 2"]], chips=[(1, 2, 3)]),
            Table(heading="Folded", header=("a",), rows=[], folded=True),
        ],
        notes=["A camera is missing."],
        configuration="x: <1>",
    )
    page = render_report(report)
    checker = checked(page)
    assert checker.loaded == []
    assert "<script>alert" not in page
    assert page.count("/9j/") == 2  # both JPEGs are inside, in base64
    assert "1 < 2" in checker.text
    assert "A camera is missing." in checker.text


def path_points(svg: str) -> list[list[str]]:
    root = ET.fromstring(svg)
    return [path.attrib["d"].replace("L", "M").split("M")[1:] for path in root.iter("path")]


def test_a_plot_is_valid_xml_with_one_path_per_line() -> None:
    lines = [
        Line(points=np.array([[0.0, 1.0], [10.0, 3.0]]), color=(255, 0, 0), name="a & b"),
        Line(points=np.zeros((0, 2)), color=(0, 255, 0), name="empty"),
    ]
    assert [
        len(points) for points in path_points(line_plot(lines, Axes(x_label="x", y_label="y")))
    ] == [
        2,
        0,
    ]


def test_a_higher_value_is_drawn_higher_up() -> None:
    line = Line(points=np.array([[0.0, 1.0], [10.0, 3.0]]), color=(255, 0, 0), name="a")
    first, last = path_points(line_plot([line], Axes(x_label="x", y_label="y")))[0]
    assert float(first.split()[1]) > float(last.split()[1])
    assert float(first.split()[0]) < float(last.split()[0])


def test_missing_values_break_the_line() -> None:
    points = np.array([[0.0, 1.0], [1.0, np.nan], [2.0, 1.0], [3.0, 1.0]])
    svg = line_plot(
        [Line(points=points, color=(0, 0, 0), name="a")], Axes(x_label="x", y_label="y")
    )
    path = next(ET.fromstring(svg).iter("path")).attrib["d"]
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_both_axes_of_a_map_have_the_same_scale() -> None:
    points = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 10.0]])
    line = Line(points=points, color=(0, 0, 0), name="a")
    svg = line_plot([line], Axes(x_label="x", y_label="y", equal_scale=True))
    places = np.array([[float(v) for v in p.split()] for p in path_points(svg)[0]])
    along, across = np.abs(places[1] - places[0])[0], np.abs(places[2] - places[1])[1]
    assert along == pytest.approx(10 * across, rel=0.02)


@pytest.mark.parametrize("values", [[], [5.0], [2.0, 2.0], [-3.0, 1e6], [1e-6, 2e-6]])
def test_any_range_of_values_can_be_drawn(values: list[float]) -> None:
    points = np.stack([np.arange(len(values), dtype=float), np.array(values, float)], axis=1)
    svg = line_plot(
        [Line(points=points, color=(0, 0, 0), name="a")], Axes(x_label="x", y_label="y")
    )
    assert ET.fromstring(svg).tag.endswith("svg")


def pictures(number: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), (40 * i, 10, 200), np.uint8) for i in range(number)]


def test_a_video_has_every_picture_in_its_size_and_color(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 10.0) as video:
        for image in pictures(5):
            video.write(image)
    reader = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    found, image = reader.read()
    assert found
    assert image.shape == (48, 64, 3)
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [200, 10, 0], atol=8)  # OpenCV reads BGR
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


def test_equal_videos_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, 10.0) as video:
            for image in pictures(8):
                video.write(image)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with VideoWriter(tmp_path / "v.mp4", 10.0) as video:
            video.write(pictures(1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_video_of_nothing_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 10.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_a_codec_a_series_of_pictures_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unsup_track_ros.visualization.video._CODEC", "none")
    with VideoWriter(tmp_path / "v.mp4", 10.0) as video:
        for image in pictures(3):
            video.write(image)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg"))
    assert names == ["v/000000.jpg", "v/000001.jpg", "v/000002.jpg"]
    assert not list(tmp_path.glob("*partial*"))
