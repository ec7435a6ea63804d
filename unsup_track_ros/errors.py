# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exceptions for bad input and wrong use.

"No answer for this frame" is never an exception: it is a status value of the stage's result.
"""


class UnsupTrackError(Exception):
    """Base of every error a user can cause; its text says what, expected, got and the remedy."""


class ConfigError(UnsupTrackError):
    """A parameter is unknown, of the wrong type, or out of its range."""


class DataError(UnsupTrackError):
    """A recording, message or file cannot be used."""


class TransformError(UnsupTrackError):
    """A transform between two frames cannot be answered at the requested stamp."""


class LabelStoreError(UnsupTrackError):
    """A label directory does not fit the run that wants to write to it or read it."""
