# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frozen data passed between stages: no algorithms, no files, numpy arrays at every boundary."""
