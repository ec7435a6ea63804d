# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Labels in the formats of other tools, and back: one module per format, all behind `export`."""
