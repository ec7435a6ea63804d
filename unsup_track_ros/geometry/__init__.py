# SPDX-FileCopyrightText: 2026 unsup_track_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pure functions on arrays and tensors: no state, no files, no configuration."""
