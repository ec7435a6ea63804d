# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos of a busy junction, with exact truth: vehicles cross before a camera that moves."""
