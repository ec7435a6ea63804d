# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos of small things that move over black, with exact truth: digits and coloured shapes."""
